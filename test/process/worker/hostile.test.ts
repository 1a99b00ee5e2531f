// Whatever a site's code does, the master stays up, other sites do not notice, and the offender is replaced.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { Load } from '../../kit/load.js';
import { residentBytes } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';

const RESTART = { intensity: 1000, backoffMin: '10ms', backoffMax: '50ms' };
/** On Node's channel: offences where the master reads it, and nothing where it does not. */
const ON_CHANNEL = [
  'garbage on the channel',
  'a forged queryServer',
  'a forged queryServer, doubled',
  'a forged handle',
  'an acknowledgement of nothing',
];
const OFFENCES_OVER_IPC = [...ON_CHANNEL, '300 MB on the channel', 'bytes that are no message'];
const OFFENCES_OVER_PIPE = [
  'garbage on the pipe',
  '300 MB on the pipe',
  'a frame that only a master sends',
  'a frame of no kind',
  'bytes that are no message',
  'a confirmation of what it never got',
  'an invalid connection handed back',
  'a descriptor that never comes',
];
const NUISANCES = [
  'a conf with __proto__',
  'a call with __proto__',
  "other sites' hosts",
  'a megabyte of brackets',
  'fifty thousand calls',
  'ten thousand changes past the queue',
];
/** Far below the largest message of these tests; garbage that is not collected yet counts as well. */
const MEMORY_LIMIT_MB = 280;
/** What may live on of all that a worker asked for. */
const LIVE_LIMIT_MB = 8;

async function start(
  t: TestContext,
): Promise<{ vhostd: LoneMaster; port: number; good: Load; type: string }> {
  const vhostd = await startVhostd(t, {
    commands: new URL('./hostile.commands.js', import.meta.url),
    sites: [
      {
        siteId: 'a',
        workerFile: siteFile('hostile', import.meta.url),
        restart: RESTART,
        allow: { ports: [0], cpuLen: 2 },
      },
      { siteId: 'b' },
    ],
  });
  const { type } = (await vhostd.status()).handoff;
  const port = await vhostd.port();
  const good = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
  atEnd(t, () => good.stop());
  return { vhostd, port, good, type };
}

/** Sends one request to the hostile site and does not care what becomes of it. */
async function attack(port: number, what: string): Promise<void> {
  await get(port, 'a.test', `/${encodeURIComponent(what)}`, { limitMs: 60_000 }).catch(() => undefined);
}

/** The process of the hostile site, once it is another one than before. */
async function nextPid(vhostd: LoneMaster, before: number): Promise<number> {
  const { sites } = await vhostd.until('the offender is replaced', ({ sites: [a] }) => {
    const worker = a?.workers[0];
    return worker?.state === 'ready' && worker.pid !== before;
  });
  return sites[0]?.workers[0]?.pid ?? 0;
}

test('a worker that breaks the protocol is replaced, and only it', async (t) => {
  const { vhostd, port, good, type } = await start(t);
  const offences = type !== 'ipc' ? OFFENCES_OVER_PIPE : OFFENCES_OVER_IPC;
  let pid = (await vhostd.workers('a'))[0]?.pid ?? 0;
  const goodPid = (await vhostd.workers('b'))[0]?.pid;
  let peak = residentBytes(vhostd.pid);
  const base = peak;
  for (const [index, what] of offences.entries()) {
    await attack(port, what);
    pid = await nextPid(vhostd, pid);
    assert.equal((await vhostd.status()).counts.violations, index + 1, what);
    peak = Math.max(peak, residentBytes(vhostd.pid));
  }
  await good.stop();
  const status = await vhostd.status();
  t.diagnostic(
    `${offences.length} offences, master grew by ${(peak - base) >> 20} MB; ` +
      `the other site: ${String(good.outcome)}`,
  );
  assert.equal(status.pid, vhostd.pid);
  good.outcome.assertNothingLost('the other site');
  assert.equal((await vhostd.workers('b'))[0]?.pid, goodPid);
  assert.equal(status.listeners.length, 1);
  assert.ok((peak - base) >> 20 < MEMORY_LIMIT_MB);
});

test('a worker that asks for what it may not have gets nothing', async (t) => {
  const { vhostd, port, good, type } = await start(t);
  const before = await vhostd.status();
  const liveBefore = Number(await vhostd.ask('liveBytes'));
  let peak = residentBytes(vhostd.pid);
  const base = peak;
  for (const what of [...NUISANCES, ...(type !== 'ipc' ? ON_CHANNEL : [])]) {
    await attack(port, what);
    await vhostd.until(
      `the site answers after ${what}`,
      ({ sites: [a] }) => a?.workers[0]?.state === 'ready',
    );
    assert.equal((await get(port, 'a.test', '/', { limitMs: 60_000 })).status, 200, what);
    peak = Math.max(peak, residentBytes(vhostd.pid));
  }
  await good.stop();
  const status = await vhostd.status();
  const kept = (Number(await vhostd.ask('liveBytes')) - liveBefore) >> 20;
  t.diagnostic(
    `${kept} MB live on; master grew by ${(peak - base) >> 20} MB; ${status.counts.violations} violations; ` +
      `the other site: ${String(good.outcome)}`,
  );
  assert.equal(await vhostd.ask('polluted'), false);
  good.outcome.assertNothingLost('the other site');
  assert.deepEqual(status.listeners, before.listeners);
  assert.deepEqual(
    status.sites.map(({ hosts, workers }) => [hosts, workers.length]),
    before.sites.map(({ hosts, workers }) => [hosts, workers.length]),
  );
  assert.ok(kept < LIVE_LIMIT_MB);
  assert.ok((peak - base) >> 20 < MEMORY_LIMIT_MB);
});

test('a worker that closes its pipe is replaced', async (t) => {
  const { vhostd, port, good, type } = await start(t);
  if (type === 'ipc') return t.skip('it has none');
  const pid = (await vhostd.workers('a'))[0]?.pid ?? 0;
  await attack(port, 'the pipe closed');
  assert.notEqual(await nextPid(vhostd, pid), pid);
  assert.equal((await get(port, 'a.test')).status, 200);
  await good.stop();
  good.outcome.assertNothingLost('the other site');
});

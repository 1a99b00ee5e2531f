// Whatever a site's code does, the master stays up, other sites do not notice, and the offender is replaced.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { residentBytes } from '../../kit/processes.js';
import { Rig, siteFile } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';

const RESTART = { intensity: 1000, backoffMin: '10ms', backoffMax: '50ms' };
/** On Node's channel: offences where the master reads it, and nothing where it does not. */
const ON_CHANNEL = [
  'garbage on the channel',
  'a forged queryServer',
  'a forged queryServer, doubled',
  'a forged handle',
  'an acknowledgement of nothing',
];
const OFFENCES_OVER_IPC = [...ON_CHANNEL, '300 MB on the channel', 'a message that is none'];
const OFFENCES_OVER_PIPE = [
  'garbage on the pipe',
  '300 MB on the pipe',
  'a frame that only a master sends',
  'a frame of no kind',
  'a message that is none',
  'a confirmation of what it never got',
  'a connection handed back that is none',
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

async function start(t: TestContext, handoff: string): Promise<{ rig: Rig; port: number; good: SteadyLoad }> {
  const rig = await Rig.start(t, {
    conf: { handoff },
    setup: new URL('./hostile.commands.js', import.meta.url),
    sites: [
      {
        siteId: 'a',
        hosts: ['a.test'],
        workerFile: new URL('./hostile.site.js', import.meta.url).pathname,
        cpuLen: 1,
        restart: RESTART,
        workerOptions: { env: { HANDOFF: handoff } },
        allow: { ports: [0], cpuLen: 2 },
      },
      { siteId: 'b', hosts: ['b.test'], workerFile: siteFile('echo'), cpuLen: 1 },
    ],
  });
  const port = await rig.port();
  const good = new SteadyLoad(port, 'b.test');
  t.after(() => good.stop());
  return { rig, port, good };
}

/** Sends one request to the hostile site and does not care what becomes of it. */
async function attack(port: number, what: string): Promise<void> {
  await get(port, 'a.test', `/${encodeURIComponent(what)}`, { limitMs: 60_000 }).catch(() => undefined);
}

/** The process of the hostile site, once it is another one than before. */
async function nextPid(rig: Rig, before: number): Promise<number> {
  const { sites } = await rig.until('the offender is replaced', ({ sites: [a] }) => {
    const worker = a?.workers[0];
    return worker?.state === 'ready' && worker.pid !== before;
  });
  return sites[0]?.workers[0]?.pid ?? 0;
}

for (const handoff of ['pipe', 'ipc']) {
  test(`over ${handoff}, a worker that breaks the protocol is replaced, and only it`, async (t) => {
    const { rig, port, good } = await start(t, handoff);
    const offences = handoff === 'pipe' ? OFFENCES_OVER_PIPE : OFFENCES_OVER_IPC;
    let pid = (await rig.workers('a'))[0]?.pid ?? 0;
    const goodPid = (await rig.workers('b'))[0]?.pid;
    let peak = residentBytes(rig.pid);
    const base = peak;
    for (const [index, what] of offences.entries()) {
      await attack(port, what);
      pid = await nextPid(rig, pid);
      assert.equal((await rig.status()).counts.violations, index + 1, what);
      peak = Math.max(peak, residentBytes(rig.pid));
    }
    await good.stop();
    const status = await rig.status();
    t.diagnostic(
      `${offences.length} offences, master grew by ${(peak - base) >> 20} MB; ` +
        `${good.count} good requests, the slowest took ${Math.round(good.slowestMs)} ms`,
    );
    assert.equal(status.pid, rig.pid);
    assert.deepEqual(good.failures, []);
    assert.equal((await rig.workers('b'))[0]?.pid, goodPid);
    assert.equal(status.listeners.length, 1);
    assert.ok((peak - base) >> 20 < MEMORY_LIMIT_MB);
  });

  test(`over ${handoff}, a worker that asks for what it may not have gets nothing`, async (t) => {
    const { rig, port, good } = await start(t, handoff);
    const before = await rig.status();
    const liveBefore = Number(await rig.ask('liveBytes'));
    let peak = residentBytes(rig.pid);
    const base = peak;
    for (const what of [...NUISANCES, ...(handoff === 'pipe' ? ON_CHANNEL : [])]) {
      await attack(port, what);
      await rig.until(`the site answers after ${what}`, ({ sites: [a] }) => a?.workers[0]?.state === 'ready');
      assert.equal((await get(port, 'a.test', '/', { limitMs: 60_000 })).status, 200, what);
      peak = Math.max(peak, residentBytes(rig.pid));
    }
    await good.stop();
    const status = await rig.status();
    const kept = (Number(await rig.ask('liveBytes')) - liveBefore) >> 20;
    t.diagnostic(
      `${kept} MB live on; master grew by ${(peak - base) >> 20} MB; ${status.counts.violations} violations; ` +
        `${good.count} good requests, the slowest took ${Math.round(good.slowestMs)} ms`,
    );
    assert.equal(await rig.ask('polluted'), false);
    assert.deepEqual(good.failures, []);
    assert.deepEqual(status.listeners, before.listeners);
    assert.deepEqual(
      status.sites.map(({ hosts, workers }) => [hosts, workers.length]),
      before.sites.map(({ hosts, workers }) => [hosts, workers.length]),
    );
    assert.ok(kept < LIVE_LIMIT_MB);
    assert.ok((peak - base) >> 20 < MEMORY_LIMIT_MB);
  });
}

test('a worker that closes its pipe is replaced', async (t) => {
  const { rig, port, good } = await start(t, 'pipe');
  const pid = (await rig.workers('a'))[0]?.pid ?? 0;
  await attack(port, 'the pipe closed');
  assert.notEqual(await nextPid(rig, pid), pid);
  assert.equal((await get(port, 'a.test')).status, 200);
  await good.stop();
  assert.deepEqual(good.failures, []);
});

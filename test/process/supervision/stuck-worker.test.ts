// A worker whose event loop stands still is found and replaced within its site's limit; one that is only busy is not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { Load } from '../../kit/load.js';
import { WireClient } from '../../kit/wire-client.js';

const INTERVAL_MS = 250;
const LIMIT_MS = 1500;
/** Longer than the limit of the strict sites, shorter than that of the patient one. */
const BLOCK_MS = 2000;

function site(siteId: string, options: Partial<SiteOptions> = {}): SiteOptions {
  return {
    siteId,
    workerFile: siteFile('stuck', import.meta.url),
    balance: 'round-robin',
    heartbeatInterval: `${INTERVAL_MS}ms`,
    heartbeatLimit: `${LIMIT_MS}ms`,
    restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
    ...options,
  };
}

async function start(t: TestContext, sites: SiteOptions[]): Promise<LoneMaster> {
  return await startVhostd(t, { sites: [...sites, { siteId: 'b' }] });
}

async function open(port: number, host: string, path: string): Promise<WireClient> {
  const client = await WireClient.open(port, { limitMs: 60_000 });
  client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return client;
}

/** For how long the process before this one was silent, as the site's status tells it. */
function silentMs(reason: string | undefined): number {
  return Number(
    /^(?:replaced a\/\d+: )?no answer for (\d+) ms; was ended by SIGKILL$/.exec(reason ?? '')?.[1],
  );
}

for (const how of ['in a loop that never ends', 'stopped']) {
  test(`a worker that is ${how} is replaced; of the rest nothing is lost`, async (t) => {
    const vhostd = await start(t, [site('a', { cpuLen: 2 })]);
    const port = await vhostd.port();
    await vhostd.ready('a', 2);
    const before = (await vhostd.workers('a')).map(({ pid }) => pid);
    const startedMs = performance.now();
    const victim = how === 'stopped' ? undefined : await open(port, 'a.test', '/block/600000');
    if (victim === undefined) process.kill(before[0] ?? 0, 'SIGSTOP');
    else await vhostd.until('a worker has it', ({ sites: [a] }) => hasConnection(a?.workers));
    const good = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
    const clients: WireClient[] = [];
    for (let count = 0; count < 20; count += 1) clients.push(await open(port, 'a.test', '/'));
    const pids = new Set<number>();
    for (const client of clients) {
      const answer = await client.answer();
      assert.equal(answer.status, 200);
      pids.add(Number(answer.body.toString()));
      client.close();
    }
    if (victim !== undefined) await assert.rejects(victim.answer(), { code: /closed|ECONNRESET/ });
    const { sites, counts } = await vhostd.until('it is replaced', ({ sites: [a] }) => {
      const ready = readyPids(a?.workers);
      return ready.length === 2 && !before.every((pid) => ready.includes(pid));
    });
    const replacedMs = performance.now() - startedMs;
    const other = await good.stop();
    const workers = sites[0]?.workers ?? [];
    const [lost = 0, ...others] = before.filter((pid) => !readyPids(workers).includes(pid));
    const silent = silentMs(workers.find(({ restarts }) => restarts > 0)?.reason);
    t.diagnostic(
      `silent for ${silent} of ${LIMIT_MS} ms, replaced after ${Math.round(replacedMs)} ms; ` +
        `20 of 20 answered, ${counts.redispatched} of them given again; ` +
        `other site: ${String(other)}`,
    );
    assert.deepEqual(others, []);
    assert.ok(!isAlive(lost));
    assert.ok(!pids.has(lost));
    assert.ok(silent >= LIMIT_MS && silent <= LIMIT_MS + INTERVAL_MS, `${silent}`);
    // The other one may have been known to be late before any of them came.
    assert.ok(victim !== undefined || counts.redispatched > 0);
    assert.deepEqual(counts.refused, {});
    other.assertNothingLost('the other site');
  });
}

test('the limit is that of the site: the same block costs one its worker and the other nothing', async (t) => {
  const vhostd = await start(t, [site('a'), site('p', { heartbeatLimit: '30s' })]);
  const port = await vhostd.port();
  const [patient] = await vhostd.workers('p');
  const [strict] = await vhostd.workers('a');
  const blocked = await open(port, 'a.test', `/block/600000`);
  const answer = await get(port, 'p.test', `/block/${BLOCK_MS}`);
  assert.equal(Number(answer.body.toString()), patient?.pid);
  await assert.rejects(blocked.answer(), { code: /closed|ECONNRESET/ });
  await vhostd.until('the strict one is replaced', ({ sites: [a] }) => {
    const [worker] = a?.workers ?? [];
    return worker?.state === 'ready' && worker.pid !== strict?.pid;
  });
  const [after] = await vhostd.workers('p');
  assert.deepEqual([after?.pid, after?.restarts], [patient?.pid, 0]);
});

test('a master that stood still itself for longer than the limit blames no worker', async (t) => {
  const vhostd = await start(t, [site('a')]);
  const port = await vhostd.port();
  const [before] = await vhostd.workers('a');
  await vhostd.ask('block', LIMIT_MS * 1.2);
  process.kill(vhostd.pid, 'SIGSTOP');
  const waiting = await open(port, 'a.test', '/slow/1');
  setTimeout(() => process.kill(vhostd.pid, 'SIGCONT'), LIMIT_MS * 1.2);
  assert.equal(Number((await waiting.answer()).body.toString()), before?.pid);
  // A verdict would be in by then.
  assert.equal(Number((await get(port, 'a.test', `/slow/${LIMIT_MS}`)).body.toString()), before?.pid);
  assert.equal((await vhostd.workers('a'))[0]?.restarts, 0);
});

test('a worker that stands still while it drains is ended within the limit as well', async (t) => {
  const vhostd = await start(t, [site('a', { drainTimeout: '10m' })]);
  const port = await vhostd.port();
  const [before] = await vhostd.workers('a');
  const busy = await open(port, 'a.test', '/slow/600000');
  await vhostd.until('the worker has it', ({ counts }) => counts.handedOff === 1);
  await vhostd.reload('a');
  const pid = before?.pid ?? 0;
  await vhostd.until(
    'it drains',
    ({ sites: [a] }) => a?.workers.find((worker) => worker.pid === pid)?.state === 'draining',
  );
  process.kill(pid, 'SIGSTOP');
  await assert.rejects(busy.answer(), { code: /closed|ECONNRESET/ });
  await vhostd.until(
    'it is gone',
    ({ sites: [a] }) => a?.workers.every((worker) => worker.pid !== pid) === true,
  );
  assert.equal((await vhostd.site('a')).workers.length, 1);
});

function hasConnection(workers: { connections: number }[] | undefined): boolean {
  return (workers ?? []).some(({ connections }) => connections === 1);
}

function readyPids(workers: { state: string; pid?: number }[] | undefined): number[] {
  return (workers ?? []).flatMap(({ state, pid }) => (state === 'ready' && pid !== undefined ? [pid] : []));
}

// A worker whose event loop stands still is found and replaced within its site's limit; one that is only busy is not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { Rig, siteFile } from '../../kit/rig.js';
import type { SiteOptions } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';
import { WireClient } from '../../kit/wire-client.js';

const INTERVAL_MS = 250;
const LIMIT_MS = 1500;
/** Longer than the limit of the strict sites, shorter than that of the patient one. */
const BLOCK_MS = 2000;

function site(siteId: string, options: Partial<SiteOptions> = {}): SiteOptions {
  return {
    siteId,
    hosts: [`${siteId}.test`],
    workerFile: new URL('./stuck.site.js', import.meta.url).pathname,
    cpuLen: 1,
    balance: 'round-robin',
    heartbeatInterval: `${INTERVAL_MS}ms`,
    heartbeatLimit: `${LIMIT_MS}ms`,
    restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
    ...options,
  };
}

async function start(t: TestContext, handoff: string, sites: SiteOptions[]): Promise<Rig> {
  const good = { siteId: 'b', hosts: ['b.test'], workerFile: siteFile('echo'), cpuLen: 1 };
  return await Rig.start(t, { conf: { handoff }, sites: [...sites, good] });
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

for (const [handoff, how] of [
  ['pipe', 'in a loop that never ends'],
  ['pipe', 'stopped'],
  ['ipc', 'stopped'],
] as const) {
  test(`over ${handoff}, a worker that is ${how} is replaced; of the rest nothing is lost`, async (t) => {
    const rig = await start(t, handoff, [site('a', { cpuLen: 2 })]);
    const port = await rig.port();
    await rig.until('two workers are ready', ({ sites: [a] }) => readyPids(a?.workers).length === 2);
    const before = (await rig.workers('a')).map(({ pid }) => pid);
    const startedMs = performance.now();
    const victim = how === 'stopped' ? undefined : await open(port, 'a.test', '/block/600000');
    if (victim === undefined) process.kill(before[0] ?? 0, 'SIGSTOP');
    else await rig.until('a worker has it', ({ counts }) => counts.handedOff === 1);
    const good = new SteadyLoad(port, 'b.test');
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
    const { sites, counts } = await rig.until('it is replaced', ({ sites: [a] }) => {
      const ready = readyPids(a?.workers);
      return ready.length === 2 && !before.every((pid) => ready.includes(pid));
    });
    const replacedMs = performance.now() - startedMs;
    await good.stop();
    const workers = sites[0]?.workers ?? [];
    const [lost = 0, ...others] = before.filter((pid) => !readyPids(workers).includes(pid));
    const silent = silentMs(workers.find(({ restarts }) => restarts > 0)?.reason);
    t.diagnostic(
      `silent for ${silent} of ${LIMIT_MS} ms, replaced after ${Math.round(replacedMs)} ms; ` +
        `20 of 20 answered, ${counts.handedOffAgain} of them given again; ` +
        `other site: ${good.count} requests, ${good.failures.length} failed`,
    );
    assert.deepEqual(others, []);
    assert.ok(!isAlive(lost));
    assert.ok(!pids.has(lost));
    assert.ok(silent >= LIMIT_MS && silent <= LIMIT_MS + INTERVAL_MS, `${silent}`);
    assert.ok(counts.handedOffAgain > 0);
    assert.deepEqual(counts.refused, {});
    assert.deepEqual(good.failures, []);
  });
}

test('the limit is that of the site: the same block costs one its worker and the other nothing', async (t) => {
  const rig = await start(t, 'pipe', [site('a'), site('p', { heartbeatLimit: '30s' })]);
  const port = await rig.port();
  const [patient] = await rig.workers('p');
  const [strict] = await rig.workers('a');
  const blocked = await open(port, 'a.test', `/block/600000`);
  const answer = await get(port, 'p.test', `/block/${BLOCK_MS}`);
  assert.equal(Number(answer.body.toString()), patient?.pid);
  await assert.rejects(blocked.answer(), { code: /closed|ECONNRESET/ });
  await rig.until('the strict one is replaced', ({ sites: [a] }) => {
    const [worker] = a?.workers ?? [];
    return worker?.state === 'ready' && worker.pid !== strict?.pid;
  });
  const [after] = await rig.workers('p');
  assert.deepEqual([after?.pid, after?.restarts], [patient?.pid, 0]);
});

test('a master that stood still itself for longer than the limit blames no worker', async (t) => {
  const rig = await start(t, 'pipe', [site('a')]);
  const port = await rig.port();
  const [before] = await rig.workers('a');
  await rig.ask('block', LIMIT_MS * 1.2);
  process.kill(rig.pid, 'SIGSTOP');
  const waiting = await open(port, 'a.test', '/slow/1');
  setTimeout(() => process.kill(rig.pid, 'SIGCONT'), LIMIT_MS * 1.2);
  assert.equal(Number((await waiting.answer()).body.toString()), before?.pid);
  // A verdict would be in by then.
  assert.equal(Number((await get(port, 'a.test', `/slow/${LIMIT_MS}`)).body.toString()), before?.pid);
  assert.equal((await rig.workers('a'))[0]?.restarts, 0);
});

test('a worker that stands still while it drains is ended within the limit as well', async (t) => {
  const rig = await start(t, 'pipe', [site('a', { drainTimeout: '10m' })]);
  const port = await rig.port();
  const [before] = await rig.workers('a');
  const busy = await open(port, 'a.test', '/slow/600000');
  await rig.until('the worker has it', ({ counts }) => counts.handedOff === 1);
  await rig.ask('reload', 'a');
  const pid = before?.pid ?? 0;
  await rig.until(
    'it drains',
    ({ sites: [a] }) => a?.workers.find((worker) => worker.pid === pid)?.state === 'draining',
  );
  process.kill(pid, 'SIGSTOP');
  await assert.rejects(busy.answer(), { code: /closed|ECONNRESET/ });
  await rig.until(
    'it is gone',
    ({ sites: [a] }) => a?.workers.every((worker) => worker.pid !== pid) === true,
  );
  assert.equal((await rig.site('a')).workers.length, 1);
});

function readyPids(workers: { state: string; pid?: number }[] | undefined): number[] {
  return (workers ?? []).flatMap(({ state, pid }) => (state === 'ready' && pid !== undefined ? [pid] : []));
}

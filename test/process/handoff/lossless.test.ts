// Every byte of a client reaches the site once and in order, however the bytes and the hand-over fall together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { descriptorCount } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import { serves, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { startMiniMaster } from './mini-master.js';
import type { StormTarget } from './storm-kinds.js';
import { printed, storm } from './storm.js';
import type { StormPlan } from './storm.js';

const PLAN: StormPlan = {
  cut: 1300,
  post: 800,
  pipeline: 800,
  'half-close': 450,
  'half-close-slow': 200,
  reset: 450,
  chunked: 350,
  expect: 200,
  upgrade: 400,
};
const BLOCKED_MASTER_PLAN: StormPlan = { big: 120, post: 100, pipeline: 50 };
const ENV = { BLOCK_MS: '8' };

for (const handoff of ['native', 'pipe'])
  test(`no byte is lost between master and busy workers: ${handoff}`, (t) => losesNothing(t, handoff));

async function losesNothing(t: TestContext, handoff: string): Promise<void> {
  const seed = Random.seed();
  const vhostd = await startVhostd(t, {
    conf: { handoff },
    sites: [
      { siteId: 'a', cpuLen: 2, workerOptions: { env: ENV } },
      { siteId: 'b', workerOptions: { env: ENV } },
      { siteId: 'open', workerOptions: { env: { ...ENV, ALLOW_HALF_OPEN: '1' } } },
    ],
  });
  await vhostd.until(
    'all workers are ready',
    (status) => serves(status) && status.sites[0]?.workers.length === 2,
  );
  assert.equal((await vhostd.status()).handoff.type, handoff);
  const target: StormTarget = {
    port: await vhostd.port(),
    hosts: ['a.test', 'b.test'],
    halfOpenHost: 'open.test',
    limitMs: 30_000,
  };
  // What a process opens once it opens now.
  await storm(target, { post: 40, upgrade: 5, reset: 5 }, seed + 1);
  const before = await descriptors(vhostd);

  const result = await storm(target, PLAN, seed);
  t.diagnostic(`seed ${seed}: ${printed(result)}`);
  assert.deepEqual(result.failures, []);

  await vhostd.ask('blockOften', 15);
  const blocked = await storm(target, BLOCKED_MASTER_PLAN, seed + 2);
  await vhostd.ask('blockOften', 0);
  t.diagnostic(`seed ${seed + 2}, master blocked: ${printed(blocked)}`);
  assert.deepEqual(blocked.failures, []);

  await nothingLeft(t, vhostd, before);
}

test('the same storm finds the bytes that a master loses which only pauses the socket', async (t) => {
  const seed = Random.seed();
  const plan: StormPlan = { post: 40, pipeline: 40, upgrade: 20 };
  const naive = await startMiniMaster(t, 'pause');
  const lossy = await storm({ ...naive, limitMs: 3000 }, plan, seed, 100);
  t.diagnostic(`seed ${seed}, socket.pause(): ${printed(lossy)}`);
  assert.ok(lossy.failures.length >= 5, 'the storm did not notice');

  const careful = await startMiniMaster(t, 'readStop');
  const lossless = await storm({ ...careful, limitMs: 30_000 }, plan, seed);
  t.diagnostic(`seed ${seed}, handle.readStop(): ${printed(lossless)}`);
  assert.deepEqual(lossless.failures, []);
});

/** The descriptors of the master and of each worker, by pid. */
async function descriptors(vhostd: LoneMaster): Promise<Map<number, number>> {
  await vhostd.until('every connection has ended', (status) =>
    status.sites.every(
      (site) => site.parked === 0 && site.workers.every((worker) => worker.connections === 0),
    ),
  );
  const { sites } = await vhostd.status();
  const pids = [vhostd.pid, ...sites.flatMap((site) => site.workers.map((worker) => worker.pid ?? 0))];
  return new Map(pids.map((pid) => [pid, descriptorCount(pid)]));
}

/** No process has ended, no connection is open, and every process has as few descriptors as before. */
async function nothingLeft(t: TestContext, vhostd: LoneMaster, before: Map<number, number>): Promise<void> {
  const after = await until('descriptors are back to what they were', async () => {
    const value = [...(await descriptors(vhostd))];
    return { done: value.every(([pid, count]) => count <= (before.get(pid) ?? 0)), value };
  });
  t.diagnostic(
    `descriptors before ${[...before.values()].join(' ')}, after ${after.map(([, count]) => count).join(' ')}`,
  );
  assert.deepEqual(
    after.map(([pid]) => pid),
    [...before.keys()],
  );
  const { counts } = await vhostd.status();
  t.diagnostic(`counts ${JSON.stringify(counts)}`);
  assert.equal(counts.violations, 0);
}

// Replacements that do not come about, and workers that are beyond being replaced.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { Random } from '../../kit/random.js';
import { Rig, siteFile } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { MortalLoad } from '../handoff/mortal-load.js';
import { HOST, siteOf, startWorn } from './worn-site.js';

const EXPLODING = new URL('./exploding.site.js', import.meta.url).pathname;
const EXPLOSIONS = 3;

void it('a replacement that fails to boot is discarded and tried again, and the old worker serves on', async (t) => {
  const seed = Random.seed();
  const rig = await startWorn(t, { cpuLen: 1, maxRequests: 20 });
  const [before] = await rig.workers('a');
  const broken = join(rig.dir, 'broken');
  writeFileSync(broken, '');
  const load = new KeepAliveLoad({ port: await rig.port(), host: HOST, clientCount: 4, seed });
  const failed =
    /^request limit: \d+ requests, allowed are 20; its replacement failed: .*broken, as the test asked/;
  const spawned = new Set<string>();
  const status = await rig.until('it has failed a few times', (seen) => {
    const { workers } = siteOf(seen, 1);
    for (const { workerId } of workers) spawned.add(workerId);
    return spawned.size > 2 && failed.test(workers[0]?.reason ?? '');
  });
  const [worker] = siteOf(status, 1).workers;
  assert.deepEqual([worker?.pid, worker?.replacements, worker?.restarts], [before?.pid, 0, 0]);
  assert.equal(status.sites[0]?.reason, undefined);
  rmSync(broken);
  await rig.until('it has come about', (seen) => (siteOf(seen, 1).workers[0]?.replacements ?? 0) > 0);
  await load.progress(20);
  const tally = await load.stop();
  t.diagnostic(`SEED=${seed}: ${tally.counts.ok} requests, ${tally.pids.size} workers`);
  assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
  assert.deepEqual([tally.connectCount, tally.announcedCount], [4, 0]);
});

void it('a reload takes the place of a replacement under way', async (t) => {
  const rig = await startWorn(t, { cpuLen: 1, maxRequests: 1 });
  const load = new KeepAliveLoad({ port: await rig.port(), host: HOST, clientCount: 4, seed: 1 });
  for (let count = 0; count < 3; count += 1) {
    await rig.until(
      'a replacement boots',
      ({ sites: [a] }) =>
        a?.state === 'running' && a.workers.some(({ state, slot }) => state === 'booting' && slot === 0),
    );
    const { sites } = (await rig.ask('reload', 'a')) as { sites: { ok: boolean; generation: number }[] };
    assert.deepEqual(
      sites.map(({ ok, generation }) => [ok, generation]),
      [[true, count + 2]],
    );
  }
  await load.progress(20);
  const tally = await load.stop();
  t.diagnostic(`${tally.counts.ok} requests, ${tally.pids.size} workers`);
  assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
  assert.deepEqual([tally.connectCount, tally.announcedCount], [4, 0]);
  await rig.until('nothing is left over', ({ sites: [a] }) => (a?.workers.length ?? 0) <= 2);
});

void it('a worker that runs out of memory takes its own requests along, and nothing else', async (t) => {
  const site = {
    cpuLen: 2,
    workerFile: EXPLODING,
    memoryLimit: '1GB',
    workerOptions: { execArgv: ['--max-old-space-size=40'] },
    restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
  };
  const rig = await Rig.start(t, {
    sites: [
      { siteId: 'a', hosts: ['a.test'], ...site },
      { siteId: 'b', hosts: ['b.test'], cpuLen: 1, workerFile: siteFile('echo') },
    ],
  });
  const port = await rig.port();
  const [bBefore] = await rig.workers('b');
  const loadA = new MortalLoad({ port, host: 'a.test', fresh: 6, keptAlive: 0 });
  const loadB = new SteadyLoad(port, 'b.test');
  const deaths: { pid: number; fromMs: number; toMs: number }[] = [];
  for (let count = 1; count <= EXPLOSIONS; count += 1) {
    const pids = (await rig.workers('a')).map(({ pid }) => pid);
    const fromMs = performance.now();
    await assert.rejects(get(port, 'a.test', '/explode', { limitMs: 60_000 }));
    const { sites } = await rig.until('its worker is there again', ({ sites: [a] }) => {
      const ready = a?.workers.filter(({ state }) => state === 'ready') ?? [];
      return ready.length === 2 && ready.reduce((sum, { restarts }) => sum + restarts, 0) === count;
    });
    const left = new Set(sites[0]?.workers.map(({ pid }) => pid));
    const gone = pids.filter((pid) => !left.has(pid));
    assert.equal(gone.length, 1, 'one worker has died');
    deaths.push({ pid: gone[0] ?? 0, fromMs, toMs: performance.now() });
  }
  await Promise.all([loadA.stop(), loadB.stop()]);
  t.diagnostic(
    `${deaths.length} deaths; a: ${loadA.attempts.length} requests, ${loadA.failed.length} failed; b: ${loadB.count}`,
  );
  for (const { outcome, pid, startedMs, endedMs } of loadA.failed) {
    assert.ok(outcome === 'closed' || outcome === 'ECONNRESET', outcome);
    assert.ok(
      deaths.some(
        (death) => (pid ?? death.pid) === death.pid && startedMs <= death.toMs && endedMs >= death.fromMs,
      ),
      `a request of process ${pid} failed that no death explains`,
    );
  }
  assert.deepEqual(loadB.failures, []);
  const [bAfter] = await rig.workers('b');
  assert.deepEqual([bAfter?.pid, bAfter?.restarts], [bBefore?.pid, 0]);
  const { sites } = await rig.status();
  assert.ok(sites[0]?.workers.every(({ replacements }) => replacements === 0));
});

void it('a worker that answers pings with garbage breaks the protocol', async (t) => {
  const rig = await Rig.start(t, {
    sites: [
      {
        siteId: 'a',
        hosts: ['a.test'],
        cpuLen: 1,
        workerFile: new URL('./lying.site.js', import.meta.url).pathname,
      },
      { siteId: 'b', hosts: ['b.test'], cpuLen: 1, workerFile: siteFile('echo') },
    ],
  });
  const { sites } = await rig.until(
    'it has been ended more than once',
    ({ counts, sites: [a] }) => counts.violations > 1 && (a?.workers[0]?.restarts ?? 0) > 1,
  );
  assert.match(sites[0]?.workers[0]?.reason ?? '', /an answer to a ping that tells nothing of it/);
  assert.equal(sites[1]?.workers[0]?.restarts, 0);
});

// Replacements that do not come about, and workers that are beyond being replaced.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { Load, MIXED } from '../../kit/load.js';
import type { Attempt } from '../../kit/load.js';
import { Random } from '../../kit/random.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { mortalExchange } from '../handoff/mortal-exchange.js';
import { HOST, siteOf, startWorn } from './worn-site.js';

const EXPLODING = siteFile('exploding', import.meta.url);
const EXPLOSIONS = process.env['VHOSTD_TEST_LONG'] === '1' ? 5 : 2;
const CLIENTS = { host: HOST, connections: 'kept', clientCount: 4, ...MIXED } as const;

void it('a replacement that fails to boot is discarded and tried again, and the old worker serves on', async (t) => {
  const seed = Random.seed();
  const vhostd = await startWorn(t, { cpuLen: 1, maxRequests: 20 });
  const [before] = await vhostd.workers('a');
  const broken = join(vhostd.dir, 'broken');
  vhostd.touch('broken');
  const load = new Load({ port: await vhostd.port(), seed, ...CLIENTS });
  const failed =
    /^request limit: \d+ requests, allowed are 20; its replacement failed: .*broken, as the test asked/;
  const spawned = new Set<string>();
  const status = await vhostd.until('it has failed a few times', (seen) => {
    const { workers } = siteOf(seen, 1);
    for (const { workerId } of workers) spawned.add(workerId);
    return spawned.size > 2 && failed.test(workers[0]?.reason ?? '');
  });
  const [worker] = siteOf(status, 1).workers;
  assert.deepEqual([worker?.pid, worker?.replacements, worker?.restarts], [before?.pid, 0, 0]);
  assert.equal(status.sites[0]?.reason, undefined);
  rmSync(broken);
  await vhostd.until('it has come about', (seen) => (siteOf(seen, 1).workers[0]?.replacements ?? 0) > 0);
  await load.progress(20);
  const outcome = await load.stop();
  t.diagnostic(`SEED=${seed}: ${String(outcome)}; ${outcome.pids.size} workers`);
  outcome.assertNothingClosed(4);
});

void it('a reload takes the place of a replacement under way', async (t) => {
  const vhostd = await startWorn(t, { cpuLen: 1, maxRequests: 1 });
  const load = new Load({ port: await vhostd.port(), seed: 1, ...CLIENTS });
  for (let count = 0; count < 3; count += 1) {
    await vhostd.until(
      'a replacement boots',
      ({ sites: [a] }) =>
        a?.state === 'running' && a.workers.some(({ state, slot }) => state === 'booting' && slot === 0),
    );
    const { sites } = await vhostd.reload('a');
    assert.deepEqual(
      sites.map(({ ok, generation }) => [ok, generation]),
      [[true, count + 2]],
    );
  }
  await load.progress(20);
  const outcome = await load.stop();
  t.diagnostic(`${String(outcome)}; ${outcome.pids.size} workers`);
  outcome.assertNothingClosed(4);
  await vhostd.until('nothing is left over', ({ sites: [a] }) => (a?.workers.length ?? 0) <= 2);
});

void it('a worker that runs out of memory takes its own requests along, and nothing else', async (t) => {
  const site = {
    cpuLen: 2,
    workerFile: EXPLODING,
    memoryLimit: '1GB',
    workerOptions: { execArgv: ['--max-old-space-size=40'] },
    restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
  };
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', ...site }, { siteId: 'b' }],
  });
  const port = await vhostd.port();
  const [bBefore] = await vhostd.workers('b');
  const attempts: Attempt[] = [];
  const loadA = new Load({
    port,
    host: 'a.test',
    connections: 'fresh',
    clientCount: 6,
    request: mortalExchange,
    onAttempt: (attempt) => void attempts.push(attempt),
  });
  const loadB = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
  const deaths: { pid: number; fromMs: number; toMs: number }[] = [];
  for (let count = 1; count <= EXPLOSIONS; count += 1) {
    const pids = (await vhostd.workers('a')).map(({ pid }) => pid);
    const fromMs = performance.now();
    await assert.rejects(get(port, 'a.test', '/explode', { limitMs: 60_000 }));
    const { sites } = await vhostd.until('its worker is there again', ({ sites: [a] }) => {
      const ready = a?.workers.filter(({ state }) => state === 'ready') ?? [];
      return ready.length === 2 && ready.reduce((sum, { restarts }) => sum + restarts, 0) === count;
    });
    const left = new Set(sites[0]?.workers.map(({ pid }) => pid));
    const gone = pids.filter((pid) => !left.has(pid));
    assert.equal(gone.length, 1, 'one worker has died');
    deaths.push({ pid: gone[0] ?? 0, fromMs, toMs: performance.now() });
  }
  await Promise.all([loadA.stop(), loadB.stop()]);
  t.diagnostic(`${deaths.length} deaths; a: ${String(loadA.outcome)}; b: ${String(loadB.outcome)}`);
  for (const { outcome, told, startedMs, endedMs } of attempts) {
    if (outcome === 'ok') continue;
    const { pid } = told;
    assert.ok(outcome === 'closed' || outcome === 'ECONNRESET', outcome);
    assert.ok(
      deaths.some(
        (death) => (pid ?? death.pid) === death.pid && startedMs <= death.toMs && endedMs >= death.fromMs,
      ),
      `a request of process ${pid} failed that no death explains`,
    );
  }
  loadB.outcome.assertNothingLost('the other site');
  const [bAfter] = await vhostd.workers('b');
  assert.deepEqual([bAfter?.pid, bAfter?.restarts], [bBefore?.pid, 0]);
  const { sites } = await vhostd.status();
  assert.ok(sites[0]?.workers.every(({ replacements }) => replacements === 0));
});

void it('a worker that answers pings with garbage breaks the protocol', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', workerFile: siteFile('lying', import.meta.url) }, { siteId: 'b' }],
  });
  const { sites } = await vhostd.until(
    'it has been ended more than once',
    ({ counts, sites: [a] }) => counts.violations > 1 && (a?.workers[0]?.restarts ?? 0) > 1,
  );
  assert.match(sites[0]?.workers[0]?.reason ?? '', /an answer to a ping that tells nothing of it/);
  assert.equal(sites[1]?.workers[0]?.restarts, 0);
});

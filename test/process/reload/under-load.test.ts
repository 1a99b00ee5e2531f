// Reloads of one site while clients of every kind use it and its neighbour: no connection is refused, no request is
// lost, no kept-alive connection is closed, and nobody is answered by the wrong site.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { slowPost } from '../../kit/exchange.js';
import { Load, MIXED } from '../../kit/load.js';
import type { NextRequest } from '../../kit/load.js';
import { Random } from '../../kit/random.js';
import { startVhostd } from '../../kit/start-vhostd.js';

const LONG = process.env['VHOSTD_TEST_LONG'] === '1';
const RELOAD_COUNT = LONG ? 20 : 8;
/** In the long form at least so many connections are opened. */
const LONG_CONNECT_COUNT = LONG ? 50_000 : 0;
/** A machine on which reloads take so long does fewer of them, ms. */
const BUDGET_MS = LONG ? Infinity : 90_000;
const KEPT_COUNT = 12;
const SLOW_COUNT = 4;

void it('reloads under load lose nothing, on fresh connections, kept-alive ones and requests in work', async (t) => {
  const seed = Random.seed();
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', cpuLen: 2, drainTimeout: '30s', settleTime: '300ms' }, { siteId: 'b' }],
  });
  const port = await vhostd.port();
  const fresh = { port, seed, connections: 'fresh', pauseMaxMs: LONG ? 4 : 40, request: anyPost } as const;
  const kept = { port, seed, connections: 'kept', host: 'a.test' } as const;
  const loads = {
    a: new Load({ ...fresh, host: 'a.test', clientCount: 4 }),
    b: new Load({ ...fresh, host: 'b.test', clientCount: 2 }),
    slow: new Load({ ...fresh, host: 'a.test', clientCount: SLOW_COUNT, request: postInWork }),
    slowKept: new Load({ ...kept, clientCount: SLOW_COUNT, request: postInWork, cuts: true }),
    kept: new Load({ ...kept, clientCount: KEPT_COUNT, pauseMaxMs: 150, ...MIXED }),
  };
  await loads.kept.progress(KEPT_COUNT * 3);
  const startedMs = performance.now();
  let count = 0;
  while (
    (count < RELOAD_COUNT || loads.a.outcome.counts.connections < LONG_CONNECT_COUNT) &&
    performance.now() - startedMs < BUDGET_MS
  ) {
    await vhostd.reloaded('a');
    count += 1;
  }
  const reloadsMs = performance.now() - startedMs;
  await vhostd.drained();
  await Promise.all([loads.kept.progress(KEPT_COUNT * 3), loads.slowKept.progress(SLOW_COUNT * 2)]);
  await Promise.all(Object.values(loads).map((load) => load.stop()));

  const { counts, sites } = await vhostd.status();
  t.diagnostic(`SEED=${seed}: ${count} reloads in ${Math.round(reloadsMs)} ms; ${counts.handedBack} moves`);
  for (const [name, { outcome }] of Object.entries(loads)) t.diagnostic(`${name}: ${String(outcome)}`);
  for (const [name, { outcome }] of Object.entries(loads)) outcome.assertNothingLost(name);
  for (const [load, clientCount] of [
    [loads.slowKept, SLOW_COUNT] as const,
    [loads.kept, KEPT_COUNT] as const,
  ]) {
    load.outcome.assertNothingClosed(clientCount);
    assert.equal(Math.max(...load.outcome.generations), count + 1);
  }
  assert.deepEqual([...loads.b.outcome.generations], [1], 'the neighbour was left alone');
  assert.equal(sites.find(({ siteId }) => siteId === 'a')?.generation, count + 1);
  assert.ok(loads.a.outcome.counts.connections > count, 'too few connections to mean anything');
  // A connection in work throughout one reload may move two generations at once.
  assert.ok(counts.handedBack >= KEPT_COUNT + SLOW_COUNT);
  const connectCount = Object.values(loads).reduce((sum, { outcome }) => sum + outcome.counts.connections, 0);
  assert.deepEqual([counts.refused, counts.violations, counts.accepted], [{}, 0, connectCount]);
});

const anyPost: NextRequest = (random, host, closes) =>
  slowPost(random, host, { bodyBytes: 200, slowMs: 0, closes });

const postInWork: NextRequest = (random, host, closes) =>
  slowPost(random, host, { bodyBytes: 16_384, slowMs: 300, closes });

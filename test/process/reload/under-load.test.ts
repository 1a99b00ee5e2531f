// Reloads of one site while clients of every kind use it and its neighbour: no connection is refused, no request is
// lost, no kept-alive connection is closed, and nobody is answered by the wrong site.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { slowPost } from '../../kit/exchange.js';
import { FreshLoad } from '../../kit/fresh-load.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { Random } from '../../kit/random.js';
import { Rig, siteFile } from '../../kit/rig.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { drained, reload } from './site-under-reload.js';

const workerFile = siteFile('exchange');
/** In the long form at least so many connections are opened. */
const LONG_CONNECT_COUNT = process.env['VHOSTD_TEST_LONG'] === '1' ? 50_000 : 0;
/** A machine on which reloads take so long does fewer of them, ms. */
const BUDGET_MS = LONG_CONNECT_COUNT > 0 ? Infinity : 90_000;
const KEPT_COUNT = 12;
const SLOW_COUNT = 4;

for (const { handoff, reloadCount } of [
  { handoff: 'pipe', reloadCount: 20 },
  { handoff: 'ipc', reloadCount: 3 },
]) {
  void describe(`reloads of a site under load, with hand-over by ${handoff}`, () => {
    void it('lose nothing, on fresh connections, kept-alive ones and requests in work', async (t) => {
      const seed = Random.seed();
      const rig = await Rig.start(t, {
        sites: [
          { siteId: 'a', hosts: ['a.test'], workerFile, cpuLen: 2, drainTimeout: '30s', settleTime: '300ms' },
          { siteId: 'b', hosts: ['b.test'], workerFile, cpuLen: 1 },
        ],
        conf: { handoff },
      });
      const port = await rig.port();
      const fresh = { port, seed, pauseMaxMs: LONG_CONNECT_COUNT > 0 ? 4 : 40 };
      const a = new FreshLoad({ ...fresh, host: 'a.test', siteId: 'a', clientCount: 4 });
      const b = new FreshLoad({ ...fresh, host: 'b.test', siteId: 'b', clientCount: 2 });
      const inWork = { bodyBytes: 16_384, slowMs: 300 };
      const slow = new FreshLoad({
        ...fresh,
        ...inWork,
        host: 'a.test',
        siteId: 'a',
        clientCount: SLOW_COUNT,
      });
      const slowKept = new KeepAliveLoad({
        port,
        host: 'a.test',
        seed,
        clientCount: SLOW_COUNT,
        pipelineMaxCount: 1,
        request: (random, host) => slowPost(random, host, { ...inWork, closes: false }),
      });
      const kept = new KeepAliveLoad({
        port,
        host: 'a.test',
        seed,
        clientCount: KEPT_COUNT,
        pauseMaxMs: 150,
      });
      await kept.progress(KEPT_COUNT * 3);
      const startedMs = performance.now();
      let count = 0;
      while (
        (count < reloadCount || a.tally.connectCount < LONG_CONNECT_COUNT) &&
        performance.now() - startedMs < BUDGET_MS
      ) {
        await reload(rig);
        count += 1;
      }
      const reloadsMs = performance.now() - startedMs;
      await drained(rig);
      await Promise.all([kept.progress(KEPT_COUNT * 3), slowKept.progress(SLOW_COUNT * 2)]);
      const loads = { a, b, slow, slowKept, kept };
      await Promise.all(Object.values(loads).map((load) => load.stop()));

      const { counts, sites } = await rig.status();
      t.diagnostic(
        `SEED=${seed}: ${count} reloads in ${Math.round(reloadsMs)} ms; ${counts.handedBack} moves`,
      );
      for (const [name, { tally }] of Object.entries(loads))
        t.diagnostic(`${name}: ${tally.counts.ok} answers on ${tally.connectCount} connections`);
      t.diagnostic(`fresh on a: ${a.latencies.toString()}; on b: ${b.latencies.toString()}`);
      for (const [name, { tally }] of Object.entries(loads))
        assert.deepEqual(tally.lost, NOTHING_LOST, `${name}: ${tally.failures.join('\n')}`);
      for (const [{ tally }, clientCount] of [[slowKept, SLOW_COUNT] as const, [kept, KEPT_COUNT] as const]) {
        assert.deepEqual([tally.connectCount, tally.announcedCount], [clientCount, 0]);
        assert.equal(Math.max(...tally.generations), count + 1);
      }
      assert.deepEqual([...b.tally.generations], [1], 'the neighbour was left alone');
      assert.equal(sites.find(({ siteId }) => siteId === 'a')?.generation, count + 1);
      assert.ok(a.tally.connectCount > count, 'too few connections to mean anything');
      // A connection in work throughout one reload may move two generations at once.
      assert.ok(counts.handedBack >= KEPT_COUNT + SLOW_COUNT);
      const connectCount = Object.values(loads).reduce((sum, { tally }) => sum + tally.connectCount, 0);
      assert.deepEqual([counts.refused, counts.violations, counts.accepted], [{}, 0, connectCount]);
    });
  });
}

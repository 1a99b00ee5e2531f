// Workers above a limit of their site are replaced under load, one at a time; clients do not notice.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { isAlive } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import type { SiteOptions } from '../../kit/rig.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { until } from '../../kit/until.js';
import { HOST, siteOf, startWorn } from './worn-site.js';

const CLIENT_COUNT = 8;
const CPU_LEN = 2;
const FIRST_WORKERS = ['a/1', 'a/2'];

interface Limit {
  what: string;
  reason: RegExp;
  handoff?: string;
  /** How often each worker is replaced. Default 1. */
  times?: number;
  site: Partial<SiteOptions>;
}

const LIMITS: Limit[] = [
  ...['pipe', 'ipc'].map((handoff, index) => ({
    what: `leak, with hand-over by ${handoff},`,
    reason: /^replaced a\/\d+: memory limit: \d+ MB resident, allowed are 160 MB$/,
    handoff,
    times: 2 - index,
    site: { memoryLimit: '160MB', workerOptions: { env: { LEAK_BYTES: '131072' } } },
  })),
  {
    what: 'have had their number of requests',
    reason: /^replaced a\/\d+: request limit: \d+ requests, allowed are 100$/,
    site: { maxRequests: 100 },
  },
  {
    what: 'are old',
    reason: /^replaced a\/\d+: age limit: it has run for \d+s, allowed are 1s$/,
    site: { maxAge: '1s' },
  },
];

void describe('a site', () => {
  for (const { what, reason, handoff = 'auto', times = 1, site } of LIMITS) {
    void it(`whose workers ${what} loses no request and no connection when they are replaced`, async (t) => {
      const seed = Random.seed();
      const rig = await startWorn(t, { cpuLen: CPU_LEN, ...site }, { handoff });
      // On a slow machine successors are there already.
      const before = (await rig.workers('a')).flatMap(({ workerId, pid }) =>
        FIRST_WORKERS.includes(workerId) ? [pid] : [],
      );
      const load = new KeepAliveLoad({ port: await rig.port(), host: HOST, clientCount: CLIENT_COUNT, seed });
      const status = await rig.until(
        'each worker has been replaced',
        (seen) =>
          siteOf(seen, CPU_LEN).workers.filter(
            ({ state, replacements }) => state === 'ready' && replacements >= times,
          ).length === CPU_LEN,
        60_000,
      );
      await load.progress(50);
      const tally = await load.stop();
      const { counts } = await rig.status();
      t.diagnostic(
        `SEED=${seed}: ${tally.counts.ok} requests, ${tally.pids.size} workers, ${counts.handedBack} migrations`,
      );
      assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
      assert.deepEqual([tally.connectCount, tally.announcedCount], [CLIENT_COUNT, 0]);
      assert.ok(tally.pids.size > CPU_LEN);
      assert.deepEqual([counts.refused, counts.violations], [{}, 0]);
      const { generation, workers } = siteOf(status, CPU_LEN);
      assert.equal(generation, 1);
      for (const worker of workers.filter(({ replacements }) => replacements >= times)) {
        if (worker.state !== 'ready') continue;
        // It may be its turn again.
        assert.match(worker.reason ?? '', new RegExp(`${reason.source}|being replaced`));
        assert.deepEqual([worker.generation, worker.restarts], [1, 0]);
      }
      await until('the first workers have gone', () => ({ done: !before.some(isAlive), value: before }));
    });
  }

  void it('without limits keeps its workers', async (t) => {
    const rig = await startWorn(t, { cpuLen: 1, workerOptions: { env: { LEAK_BYTES: '131072' } } });
    const [before] = await rig.workers('a');
    const load = new KeepAliveLoad({
      port: await rig.port(),
      host: HOST,
      clientCount: CLIENT_COUNT,
      seed: 1,
    });
    await load.progress(1000);
    await load.stop();
    const [after] = await rig.workers('a');
    assert.deepEqual([after?.pid, after?.replacements, after?.reason], [before?.pid, 0, undefined]);
  });
});

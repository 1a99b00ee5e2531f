// Workers above a limit of their site are replaced under load, one at a time; clients do not notice.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Load, MIXED } from '../../kit/load.js';
import { isAlive } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { HOST, siteOf, startWorn } from './worn-site.js';

const CLIENT_COUNT = 8;
const CLIENTS = { host: HOST, connections: 'kept', clientCount: CLIENT_COUNT, ...MIXED } as const;
const CPU_LEN = 2;
const LONG = process.env['VHOSTD_TEST_LONG'] === '1';
const FIRST_WORKERS = ['a/1', 'a/2'];

interface Limit {
  what: string;
  reason: RegExp;
  /** How often each worker is replaced. Default 1. */
  times?: number;
  site: Partial<SiteOptions>;
}

const LIMITS: Limit[] = [
  {
    what: 'leak',
    reason: /^replaced a\/\d+: memory limit: \d+ MB resident, allowed are 160 MB$/,
    site: { memoryLimit: '160MB', workerOptions: { env: { LEAK_BYTES: '524288' } } },
  },
  {
    what: 'have had their number of requests',
    reason: /^replaced a\/\d+: request limit: \d+ requests, allowed are 100$/,
    times: 2,
    site: { maxRequests: 100 },
  },
  {
    what: 'are old',
    reason: /^replaced a\/\d+: age limit: it has run for \d+s, allowed are 1s$/,
    site: { maxAge: '1s' },
  },
];

void describe('a site', { concurrency: 2 }, () => {
  for (const { what, reason, times = LONG ? 3 : 1, site } of LIMITS) {
    void it(`whose workers ${what} loses no request and no connection when they are replaced`, async (t) => {
      const seed = Random.seed();
      const vhostd = await startWorn(t, { cpuLen: CPU_LEN, ...site });
      // On a slow machine successors are there already.
      const before = (await vhostd.workers('a')).flatMap(({ workerId, pid }) =>
        FIRST_WORKERS.includes(workerId) ? [pid] : [],
      );
      const load = new Load({ port: await vhostd.port(), seed, ...CLIENTS });
      const status = await vhostd.until(
        'each worker has been replaced',
        (seen) =>
          siteOf(seen, CPU_LEN).workers.filter(
            ({ state, replacements }) => state === 'ready' && replacements >= times,
          ).length === CPU_LEN,
        180_000,
      );
      await load.progress(50);
      const outcome = await load.stop();
      const { counts } = await vhostd.status();
      t.diagnostic(
        `SEED=${seed}: ${String(outcome)}; ${outcome.pids.size} workers, ${counts.handedBack} moves`,
      );
      outcome.assertNothingClosed(CLIENT_COUNT);
      assert.ok(outcome.pids.size > CPU_LEN);
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
    const vhostd = await startWorn(t, { cpuLen: 1, workerOptions: { env: { LEAK_BYTES: '524288' } } });
    const [before] = await vhostd.workers('a');
    const load = new Load({ port: await vhostd.port(), seed: 1, ...CLIENTS });
    await load.progress(300);
    await load.stop();
    const [after] = await vhostd.workers('a');
    assert.deepEqual([after?.pid, after?.replacements, after?.reason], [before?.pid, 0, undefined]);
  });
});

// A worker that is sent SIGTERM: another one serves before it leaves, and clients do not notice.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { Load, MIXED } from '../../kit/load.js';
import { isAlive } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import { until } from '../../kit/until.js';
import { HOST, startWorn } from './worn-site.js';

const CLIENT_COUNT = 8;
/** How many workers are sent it at once, one time after the other. */
const TIMES = process.env['VHOSTD_TEST_LONG'] === '1' ? [1, 2, 1, 2, 2, 2] : [1, 2];

void describe('a worker that is sent SIGTERM', { concurrency: 2 }, () => {
  void it('is replaced without a lost request or a closed connection, be it one or all', async (t) => {
    const seed = Random.seed();
    const vhostd = await startWorn(t, { cpuLen: 2, settleTime: '100ms', drainTimeout: '60s' });
    const clients = {
      connections: 'kept',
      clientCount: CLIENT_COUNT,
      seed,
      pauseMaxMs: 10,
      ...MIXED,
    } as const;
    const load = new Load({ port: await vhostd.port(), host: HOST, ...clients });
    await load.progress(CLIENT_COUNT);
    for (const count of TIMES) {
      const before = (await vhostd.workers('a')).map(({ pid }) => pid).slice(0, count);
      for (const pid of before) process.kill(pid, 'SIGTERM');
      await until('they have left', () => {
        const value = before.filter((pid) => isAlive(pid));
        return { done: value.length === 0, value };
      });
    }
    await load.progress(CLIENT_COUNT);
    const outcome = await load.stop();
    const workers = await vhostd.workers('a');
    t.diagnostic(`SEED=${seed}: ${String(outcome)}`);
    outcome.assertNothingClosed(CLIENT_COUNT);
    assert.deepEqual(
      workers.map(({ restarts, reason }) => [restarts, reason?.replace(/\d+/, 'N')]),
      Array.from({ length: 2 }, () => [0, 'replaced a/N: it was sent SIGTERM']),
    );
    assert.equal(
      workers.reduce((sum, { replacements }) => sum + replacements, 0),
      TIMES.reduce((sum, count) => sum + count, 0),
    );
  });

  void it('serves on while no other comes up; sent it again, it leaves', async (t) => {
    const vhostd = await startWorn(t, { cpuLen: 1, settleTime: '100ms' });
    const [worker] = await vhostd.workers('a');
    const pid = worker?.pid ?? 0;
    vhostd.touch('broken');
    process.kill(pid, 'SIGTERM');
    await vhostd.until(
      'no other comes up',
      ({ sites: [a] }) =>
        a?.workers[0]?.reason?.startsWith('it was sent SIGTERM; its replacement failed: ') === true,
    );
    assert.equal((await get(await vhostd.port(), HOST)).status, 200);
    assert.deepEqual(
      (await vhostd.workers('a')).map((now) => now.pid),
      [pid],
    );
    process.kill(pid, 'SIGTERM');
    await vhostd.until(
      'it has left',
      ({ sites: [a] }) => a?.workers.every((now) => now.pid !== pid) === true,
    );
    rmSync(join(vhostd.dir, 'broken'));
    await vhostd.until(
      'its place is taken',
      ({ sites: [a] }) => a?.workers[0]?.state === 'ready' && a.workers[0].restarts > 0,
    );
  });
});

// A worker that is sent SIGTERM: another one serves before it leaves, and clients do not notice.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { isAlive } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { until } from '../../kit/until.js';
import { HOST, startWorn } from './worn-site.js';

const CLIENT_COUNT = 8;

void describe('a worker that is sent SIGTERM', { concurrency: 2 }, () => {
  void it('is replaced without a lost request or a closed connection, be it one or all', async (t) => {
    const seed = Random.seed();
    const rig = await startWorn(t, { cpuLen: 2, settleTime: '100ms', drainTimeout: '60s' });
    const load = new KeepAliveLoad({ port: await rig.port(), host: HOST, clientCount: CLIENT_COUNT, seed });
    await load.progress(CLIENT_COUNT);
    for (const count of [1, 2, 1, 2]) {
      const before = (await rig.workers('a')).map(({ pid }) => pid).slice(0, count);
      for (const pid of before) process.kill(pid, 'SIGTERM');
      await until('they have left', () => {
        const value = before.filter((pid) => isAlive(pid));
        return { done: value.length === 0, value };
      });
    }
    await load.progress(CLIENT_COUNT);
    const tally = await load.stop();
    const workers = await rig.workers('a');
    t.diagnostic(`SEED=${seed}: ${tally.counts.ok} requests on ${tally.connectCount} connections`);
    assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
    assert.deepEqual([tally.connectCount, tally.announcedCount], [CLIENT_COUNT, 0]);
    assert.deepEqual(
      workers.map(({ restarts, reason }) => [restarts, reason?.replace(/\d+/, 'N')]),
      Array.from({ length: 2 }, () => [0, 'replaced a/N: it was sent SIGTERM']),
    );
    assert.equal(
      workers.reduce((sum, { replacements }) => sum + replacements, 0),
      6,
    );
  });

  void it('serves on while no other comes up; sent it again, it leaves', async (t) => {
    const rig = await startWorn(t, { cpuLen: 1, settleTime: '100ms' });
    const [worker] = await rig.workers('a');
    const pid = worker?.pid ?? 0;
    const broken = join(rig.dir, 'broken');
    writeFileSync(broken, '');
    process.kill(pid, 'SIGTERM');
    await rig.until(
      'no other comes up',
      ({ sites: [a] }) =>
        a?.workers[0]?.reason?.startsWith('it was sent SIGTERM; its replacement failed: ') === true,
    );
    assert.equal((await get(await rig.port(), HOST)).status, 200);
    assert.deepEqual(
      (await rig.workers('a')).map((now) => now.pid),
      [pid],
    );
    process.kill(pid, 'SIGTERM');
    await rig.until('it has left', ({ sites: [a] }) => a?.workers.every((now) => now.pid !== pid) === true);
    rmSync(broken);
    await rig.until(
      'its place is taken',
      ({ sites: [a] }) => a?.workers[0]?.state === 'ready' && a.workers[0].restarts > 0,
    );
  });
});

// A master that is killed under load: clients wait in the kernel for the next one, and what workers have, they finish.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { HeldRequest } from '../../kit/held-request.js';
import { Load } from '../../kit/load.js';
import { isAlive } from '../../kit/processes.js';
import { portOf, serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const HOST = 'a.test';
/** Its times are longer than any machine takes for the next master. */
const SITE = { siteId: 'a', cpuLen: 2, drainTimeout: '120s', settleTime: '60s' };

/** A vhostd under load, with requests that its workers are busy with. */
interface Loaded {
  vhostd: FullVhostd;
  status: DaemonStatus;
  fresh: Load;
  busy: HeldRequest[];
}

void describe('a master that is killed', { concurrency: 2 }, () => {
  void it('is followed by another one; requests in work are finished, nobody is refused', async (t) => {
    const { vhostd, status, fresh, busy } = await loaded(t, 10);
    const old = workerPids(status);
    const killedMs = performance.now();
    process.kill(status.master?.pid ?? 0, 'SIGKILL');
    await until('another worker has answered', () => {
      const value = [...fresh.outcome.pids];
      return { done: value.some((pid) => !old.includes(pid)), value };
    });
    t.diagnostic(`${Math.round(performance.now() - killedMs)} ms until a worker of the next master answered`);
    await finished(t, vhostd, { fresh, busy, old, clientCount: CLIENTS });
  });

  void it('twice within a moment is followed by a third one', async (t) => {
    const { vhostd, status, fresh, busy } = await loaded(t, 2);
    const old = workerPids(status);
    const first = status.master?.pid ?? 0;
    const firstMs = performance.now();
    process.kill(first, 'SIGKILL');
    const [, spawned] = await vhostd.logs('master::spawned', 2);
    const second = Number(spawned?.['master']);
    process.kill(second, 'SIGKILL');
    t.diagnostic(`killed twice within ${Math.round(performance.now() - firstMs)} ms`);
    await vhostd.until(
      'a third one serves',
      (now) => ![undefined, first, second].includes(now.master?.pid) && serves(now),
    );
    await finished(t, vhostd, { fresh, busy, old, clientCount: 2 * CLIENTS });
  });

  void it('in the middle of a reload is followed by one that runs the new code', async (t) => {
    const { vhostd, status, fresh, busy } = await loaded(t, 2);
    const reloading = vhostd.reload().catch((error: unknown) => error);
    await vhostd.until('a worker of the next generation boots', ({ sites }) =>
      sites.some(
        ({ state, workers }) => state === 'reloading' && workers.some(({ generation }) => generation === 2),
      ),
    );
    const old = vhostd.processes().filter((pid) => ![status.daemon.pid, status.master?.pid].includes(pid));
    process.kill(status.master?.pid ?? 0, 'SIGKILL');
    assert.match(String(await reloading), /ERR_CALL_LOST|is gone/);
    await vhostd.until(
      'another master serves',
      (now) => now.master?.pid !== status.master?.pid && serves(now),
    );
    await finished(t, vhostd, { fresh, busy, old, clientCount: CLIENTS });
  });

  void it('while its daemon stands still is followed by one once that goes on', async (t) => {
    const { vhostd, status, fresh, busy } = await loaded(t, 2);
    const old = workerPids(status);
    process.kill(status.daemon.pid, 'SIGSTOP');
    process.kill(status.master?.pid ?? 0, 'SIGKILL');
    const connects = fresh.outcome.counts.connections;
    await until('clients wait in the kernel', () => {
      const value = fresh.outcome.counts.connections;
      return { done: value >= connects + 1, value };
    });
    process.kill(status.daemon.pid, 'SIGCONT');
    await vhostd.until(
      'another master serves',
      (now) => now.master?.pid !== status.master?.pid && serves(now),
    );
    await finished(t, vhostd, { fresh, busy, old, clientCount: CLIENTS });
  });

  void it('while it stands still is followed by another one', async (t) => {
    const { vhostd, status, fresh, busy } = await loaded(t, 2);
    const old = workerPids(status);
    process.kill(status.master?.pid ?? 0, 'SIGSTOP');
    process.kill(status.master?.pid ?? 0, 'SIGKILL');
    await vhostd.until(
      'another master serves',
      (now) => now.master?.pid !== status.master?.pid && serves(now),
    );
    await finished(t, vhostd, { fresh, busy, old, clientCount: CLIENTS });
  });
});

async function loaded(t: TestContext, busyCount: number): Promise<Loaded> {
  const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
  const status = await vhostd.serves();
  const port = portOf(status);
  const busy = await Promise.all(Array.from({ length: busyCount }, () => HeldRequest.begin(port, HOST)));
  await vhostd.until('the requests are in work', ({ sites }) => {
    const open = sites.flatMap(({ workers }) => workers.map(({ connections }) => connections));
    return open.reduce((sum, count) => sum + count, 0) >= busyCount;
  });
  const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
  await fresh.progress(50);
  return { vhostd, status, fresh, busy };
}

/** Holds what is promised of a master's death; those that it has in its hands, one a client, may be lost. */
async function finished(
  t: TestContext,
  vhostd: FullVhostd,
  what: { fresh: Load; busy: HeldRequest[]; old: number[]; clientCount: number },
): Promise<void> {
  const { fresh, busy, old, clientCount } = what;
  for (const request of busy) assert.ok(old.includes((await request.finish()).pid));
  await fresh.progress(50);
  const { lost, failures } = await fresh.stop();
  t.diagnostic(String(fresh.outcome));
  const { refused, timedOut, wrong, reset, closed } = lost;
  assert.deepEqual({ refused, timedOut, wrong }, { refused: 0, timedOut: 0, wrong: 0 }, failures.join('\n'));
  assert.ok(reset + closed <= clientCount, failures.join('\n'));
  await until('the old workers have left', () => {
    const value = old.filter((pid) => isAlive(pid));
    return { done: value.length === 0, value };
  });
  await vhostd.stop();
}

const CLIENTS = 2;

// Daemon and master die one behind the other: whichever was being started by then has all that it needs, and starts
// the missing half.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Load } from '../../kit/load.js';
import { portOf, serves, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';

const HOST = 'a.test';

void describe('daemon and master that are killed', { concurrency: 2 }, () => {
  for (const stopped of [false, true]) {
    const how = stopped ? ', both having stood still' : '';
    void it(`the daemon first, the master once it has started another: nobody is refused${how}`, async (t) => {
      const { vhostd, daemon, master, fresh } = await loaded(t);
      const firstMs = performance.now();
      if (stopped) process.kill(daemon, 'SIGSTOP');
      process.kill(daemon, 'SIGKILL');
      await vhostd.logs('daemon.started');
      if (stopped) process.kill(master, 'SIGSTOP');
      process.kill(master, 'SIGKILL');
      t.diagnostic(`${Math.round(performance.now() - firstMs)} ms between the deaths`);
      await recovered(t, vhostd, { daemon, master, fresh });
    });

    void it(`the master first, the daemon once it has started another: nobody is refused${how}`, async (t) => {
      const { vhostd, daemon, master, fresh } = await loaded(t);
      const spawned = vhostd.logged('master::spawned').length;
      const firstMs = performance.now();
      if (stopped) process.kill(master, 'SIGSTOP');
      process.kill(master, 'SIGKILL');
      await vhostd.logs('master::spawned', spawned + 1);
      if (stopped) process.kill(daemon, 'SIGSTOP');
      process.kill(daemon, 'SIGKILL');
      t.diagnostic(`${Math.round(performance.now() - firstMs)} ms between the deaths`);
      await recovered(t, vhostd, { daemon, master, fresh });
    });
  }

  for (const gapMs of [0, 3]) {
    void it(`${gapMs} ms apart, when neither could start the other: both come back`, async (t) => {
      const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
      let before = await vhostd.serves();
      for (let round = 0; round < 2; round += 1) {
        const pids = [before.daemon.pid, before.master?.pid ?? 0];
        if (round > 0) pids.reverse();
        const [first = 0, second = 0] = pids;
        const startMs = performance.now();
        process.kill(first, 'SIGKILL');
        while (performance.now() - startMs < gapMs);
        process.kill(second, 'SIGKILL');
        const { daemon } = before;
        const after = await vhostd.until(
          'both are back',
          (now) => now.daemon.pid !== daemon.pid && serves(now),
        );
        t.diagnostic(`back after ${Math.round(performance.now() - startMs)} ms`);
        assert.equal(vhostd.pidInFile(), after.daemon.pid);
        before = after;
      }
      await vhostd.stop();
    });
  }

  void it('again and again, in turns: nobody is refused', async (t) => {
    const { vhostd, daemon, master, fresh } = await loaded(t);
    let now = { daemon, master };
    for (let round = 0; round < 3; round += 1) {
      const started = vhostd.logged('daemon.started').length;
      process.kill(now.daemon, 'SIGKILL');
      await vhostd.logs('daemon.started', started + 1);
      process.kill(now.master, 'SIGKILL');
      const { daemon: next, master: nextMaster } = await vhostd.until(
        'both halves are back',
        (status) => status.daemon.pid !== now.daemon && status.master?.pid !== now.master && serves(status),
      );
      now = { daemon: next.pid, master: nextMaster?.pid ?? 0 };
    }
    await recovered(t, vhostd, { daemon, master, fresh });
  });
});

async function loaded(
  t: TestContext,
): Promise<{ vhostd: FullVhostd; daemon: number; master: number; fresh: Load }> {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
  const status = await vhostd.serves();
  const fresh = new Load({ port: portOf(status), host: HOST, connections: 'fresh', pauseMaxMs: 10 });
  await fresh.progress(20);
  return { vhostd, daemon: status.daemon.pid, master: status.master?.pid ?? 0, fresh };
}

async function recovered(
  t: TestContext,
  vhostd: FullVhostd,
  before: { daemon: number; master: number; fresh: Load },
): Promise<void> {
  const { daemon, master, fresh } = before;
  const status = await vhostd.until(
    'both halves are back',
    (now) => now.daemon.pid !== daemon && now.master?.pid !== master && serves(now),
  );
  assert.equal(vhostd.pidInFile(), status.daemon.pid);
  await fresh.progress(50);
  const { lost, failures } = await fresh.stop();
  t.diagnostic(String(fresh.outcome));
  const { refused, timedOut, wrong } = lost;
  assert.deepEqual({ refused, timedOut, wrong }, { refused: 0, timedOut: 0, wrong: 0 }, failures.join('\n'));
  await vhostd.stop();
}

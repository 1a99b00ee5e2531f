// Daemon and master die one behind the other: whichever was being started by then has all that it needs, and starts
// the missing half.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { LastingRig, HOST, portOf, serves } from '../../kit/lasting-rig.js';
import { ConnectLoad } from '../../kit/connect-load.js';
import { until } from '../../kit/until.js';

void describe('daemon and master that are killed', () => {
  for (const stopped of [false, true]) {
    const how = stopped ? ', both having stood still' : '';
    void it(`the daemon first, the master once it has started another: nobody is refused${how}`, async (t) => {
      const { rig, daemon, master, fresh } = await loaded(t);
      const firstMs = performance.now();
      if (stopped) process.kill(daemon, 'SIGSTOP');
      process.kill(daemon, 'SIGKILL');
      await logged(rig, /"event":"daemon\.started"/);
      if (stopped) process.kill(master, 'SIGSTOP');
      process.kill(master, 'SIGKILL');
      t.diagnostic(`${Math.round(performance.now() - firstMs)} ms between the deaths`);
      await recovered(t, rig, { daemon, master, fresh });
    });

    void it(`the master first, the daemon once it has started another: nobody is refused${how}`, async (t) => {
      const { rig, daemon, master, fresh } = await loaded(t);
      const spawned = countOf(rig, SPAWNED);
      const firstMs = performance.now();
      if (stopped) process.kill(master, 'SIGSTOP');
      process.kill(master, 'SIGKILL');
      await until('another master was started', () => {
        const value = countOf(rig, SPAWNED);
        return { done: value > spawned, value };
      });
      if (stopped) process.kill(daemon, 'SIGSTOP');
      process.kill(daemon, 'SIGKILL');
      t.diagnostic(`${Math.round(performance.now() - firstMs)} ms between the deaths`);
      await recovered(t, rig, { daemon, master, fresh });
    });
  }

  void it('again and again, in turns: nobody is refused', async (t) => {
    const { rig, daemon, master, fresh } = await loaded(t);
    let now = { daemon, master };
    for (let round = 0; round < 3; round += 1) {
      const started = countOf(rig, STARTED);
      process.kill(now.daemon, 'SIGKILL');
      await until('another daemon was started', () => {
        const value = countOf(rig, STARTED);
        return { done: value > started, value };
      });
      process.kill(now.master, 'SIGKILL');
      const { daemon: next, master: nextMaster } = await rig.until(
        'both halves are back',
        (status) => status.daemon.pid !== now.daemon && status.master?.pid !== now.master && serves(status),
      );
      now = { daemon: next.pid, master: nextMaster?.pid ?? 0 };
    }
    await recovered(t, rig, { daemon, master, fresh });
  });
});

async function loaded(
  t: TestContext,
): Promise<{ rig: LastingRig; daemon: number; master: number; fresh: ConnectLoad }> {
  const rig = await LastingRig.start(t, { cpuLen: 1 });
  const status = await rig.until('the site serves', serves);
  const fresh = new ConnectLoad(portOf(status), HOST, CLIENTS);
  await fresh.progress(20);
  return { rig, daemon: status.daemon.pid, master: status.master?.pid ?? 0, fresh };
}

async function recovered(
  t: TestContext,
  rig: LastingRig,
  before: { daemon: number; master: number; fresh: ConnectLoad },
): Promise<void> {
  const { daemon, master, fresh } = before;
  const status = await rig.until(
    'both halves are back',
    (now) => now.daemon.pid !== daemon && now.master?.pid !== master && serves(now),
  );
  assert.equal(rig.pidInFile(), status.daemon.pid);
  await fresh.progress(50);
  const { counts, failures } = await fresh.stop();
  t.diagnostic(`${JSON.stringify(counts)}, the slowest took ${Math.round(fresh.slowestMs)} ms`);
  const { refused, timedOut, wrong } = counts;
  assert.deepEqual({ refused, timedOut, wrong }, { refused: 0, timedOut: 0, wrong: 0 }, failures.join('\n'));
  await rig.client.stop();
  await rig.gone();
}

async function logged(rig: LastingRig, pattern: RegExp): Promise<void> {
  await until(`${String(pattern)} in the log`, () => ({ done: pattern.test(rig.output), value: rig.output }));
}

function countOf(rig: LastingRig, pattern: RegExp): number {
  return rig.output.match(pattern)?.length ?? 0;
}

const SPAWNED = /"event":"master::spawned"/g;
const STARTED = /"event":"daemon\.started"/g;
const CLIENTS = 2;

// Listeners that are passed to vhostd, as systemd passes those of a socket unit: over deaths, upgrades and starts.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { freePorts } from '../../kit/free-port.js';
import { COMMAND } from '../../kit/full-vhostd.js';
import { Load } from '../../kit/load.js';
import { serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { PERL } from './notify-receiver.js';
import { passing, RESTART_FILE, WHY_NO_PARENT } from './passing-parent.js';

const HOST = 'a.test';

void describe('a listener that is passed to vhostd', { concurrency: 2, skip: WHY_NO_PARENT ?? false }, () => {
  for (const who of ['its starter starts it again', 'the guard does'] as const) {
    void it(`refuses nobody when daemon and master are killed at the same instant, and ${who}`, async (t) => {
      const { vhostd, port } = await started(t);
      if (who.startsWith('its starter')) vhostd.touch(RESTART_FILE);
      let now = await vhostd.serves();
      const load = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
      await load.progress(20);
      for (let round = 0; round < 2; round += 1) {
        const { daemon } = now;
        killAtOnce(now);
        now = await vhostd.until('it is back', (next) => next.daemon.pid !== daemon.pid && serves(next));
        await load.progress(20);
      }
      await assertNoneRefused(t, load);
      await vhostd.stop();
    });
  }

  for (const first of ['daemon', 'master'] as const) {
    void it(`refuses nobody whatever lies between the deaths of both, the ${first}'s being the first`, async (t) => {
      const { vhostd, port } = await started(t);
      let now = await vhostd.serves();
      const load = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
      await load.progress(20);
      for (const gap of [0, 3, 20, 100, 'once it has started another'] as const) {
        const { daemon, master } = now;
        const pids = [daemon.pid, master?.pid ?? 0];
        if (first === 'master') pids.reverse();
        const [one = 0, other = 0] = pids;
        const before = childrenOf(other);
        process.kill(one, 'SIGKILL');
        const killedMs = performance.now();
        // Busily: this is to hit the very moment.
        if (typeof gap === 'number') while (performance.now() - killedMs < gap);
        else while (!childrenOf(other).some((pid) => !before.includes(pid)) && !isLate(killedMs));
        process.kill(other, 'SIGKILL');
        now = await vhostd.until(
          'both are back',
          (next) => next.daemon.pid !== daemon.pid && next.master?.pid !== master?.pid && serves(next),
        );
        t.diagnostic(`${gap}: back after ${Math.round(performance.now() - killedMs)} ms`);
        assert.equal(vhostd.pidInFile(), now.daemon.pid);
        await load.progress(20);
      }
      await assertNoneRefused(t, load);
      await vhostd.stop();
    });
  }

  void it('survives the daemon, an upgrade, and a reload that does without it for a while', async (t) => {
    const { vhostd, port, sites } = await started(t);
    const first = await vhostd.serves();
    const [told] = vhostd.logged('listener.passed');
    assert.deepEqual([told?.['key'], told?.['name']], [`127.0.0.1:${port}`, 'web1']);
    assert.deepEqual(
      vhostd.logged('listener.not-taken').map(({ fd, name }) => [fd, name]),
      [[3, 'file']],
    );
    assert.equal((await vhostd.logs('listener.unused')).length, 1);
    const unused = readlinkSync(`/proc/${first.daemon.pid}/fd/5`);
    for (const pid of workerPids(first)) assert.ok(!descriptors(pid).includes(unused));

    process.kill(first.daemon.pid, 'SIGKILL');
    const next = await vhostd.until(
      'the next daemon',
      (now) => now.daemon.pid !== first.daemon.pid && serves(now),
    );
    assert.equal((await vhostd.run('upgrade')).code, 0);
    const upgraded = await vhostd.serves();
    assert.notEqual(upgraded.daemon.pid, next.daemon.pid);

    vhostd.configure([{ siteId: 'a', hosts: [HOST] }]);
    await vhostd.reloaded();
    vhostd.configure(sites);
    await vhostd.reloaded();
    const load = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
    await load.progress(20);

    // Whoever follows knows that it was passed.
    killAtOnce(upgraded);
    await vhostd.until('it is back', (now) => now.daemon.pid !== upgraded.daemon.pid && serves(now));
    await load.progress(20);
    await assertNoneRefused(t, load);
    await vhostd.stop();
  });
});

async function started(
  t: TestContext,
): Promise<{ vhostd: FullVhostd; port: number; sites: { siteId: string; listen: object[] }[] }> {
  const [port = 0, unused = 0] = await freePorts(2);
  const sites = [{ siteId: 'a', listen: [{ host: HOST, port, ipaddress: '127.0.0.1' }] }];
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites,
    node: PERL,
    program: ({ confFile, runDir }) =>
      passing([port, unused], [process.execPath, COMMAND, 'run', '--config', confFile, '--run-dir', runDir]),
  });
  return { vhostd, port, sites };
}

/** In one instant: neither starts the other anew. */
function killAtOnce({ daemon, master }: DaemonStatus): void {
  const pids = [master?.pid ?? 0, daemon.pid];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

/** The processes that a process has started, as they were just now. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').map(Number);
}

function isLate(sinceMs: number): boolean {
  return performance.now() - sinceMs > 30_000;
}

/** What the descriptors of a process lead to, but for those that it has just closed. */
function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return [];
    }
  });
}

async function assertNoneRefused(t: TestContext, load: Load): Promise<void> {
  const { lost, failures } = await load.stop();
  t.diagnostic(String(load.outcome));
  const { refused, timedOut, wrong } = lost;
  assert.deepEqual({ refused, timedOut, wrong }, { refused: 0, timedOut: 0, wrong: 0 }, failures.join('\n'));
}

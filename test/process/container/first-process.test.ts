// vhostd as the first process of a container: of a process namespace of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { COMMAND } from '../../kit/full-vhostd.js';
import { HeldRequest } from '../../kit/held-request.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const ALONE = ['--pid', '--fork', '--mount-proc'];
const skip =
  spawnSync('unshare', [...ALONE, 'true'], { stdio: 'ignore' }).status === 0
    ? false
    : 'namespaces need unshare, and root';

void describe('as the first process of a container', { skip, concurrency: 2 }, () => {
  void it('vhostd drains on SIGTERM, and everything ends with it', async (t) => {
    const vhostd = await inContainer(t);
    const held = await heldBy(vhostd);
    process.kill(firstProcess(vhostd), 'SIGTERM');
    await vhostd.logs('listener.closed', 1);
    await held.finish();
    assert.equal((await vhostd.ended).code, 0);
    await vhostd.gone();
  });

  void it('vhostd waits for those who have lost their parent, once they end', async (t) => {
    const vhostd = await inContainer(t);
    const held = await heldBy(vhostd);
    const first = firstProcess(vhostd);
    const master = childrenOf(first).find((pid) => commandLine(pid).includes('run-master'));
    const worker = childrenOf(master ?? 0)[0] ?? 0;
    assert.ok(master !== undefined && worker !== 0);
    process.kill(master, 'SIGKILL');
    await until('the worker is a child of the first process', () => {
      const value = childrenOf(first);
      return { done: value.includes(worker), value };
    });
    await held.finish();
    await until('nothing is left of it', () => {
      const value = childrenOf(first);
      return { done: !value.includes(worker), value };
    });
    await vhostd.serves();
  });

  void it('vhostd is not upgraded, since all would end with it', async (t) => {
    const vhostd = await inContainer(t);
    await assert.rejects(vhostd.client.upgrade(), { code: 'ERR_UPGRADE_PROGRAM' });
    await vhostd.serves();
  });
});

async function inContainer(t: TestContext): Promise<FullVhostd> {
  return await startVhostd(t, {
    daemon: true,
    sites: [{ siteId: 'a', cpuLen: 1, drainTimeout: '60s' }],
    node: 'unshare',
    program: ({ confFile, runDir }) => [
      ...ALONE,
      process.execPath,
      COMMAND,
      'run',
      '--config',
      confFile,
      '--run-dir',
      runDir,
    ],
  });
}

/** A request that its worker has. */
async function heldBy(vhostd: FullVhostd): Promise<HeldRequest> {
  const held = await HeldRequest.begin(await vhostd.port(), 'a.test');
  await vhostd.until('a worker has it', ({ counts }) => counts?.handedOff === 1);
  return held;
}

/** Its pid out here. */
function firstProcess(vhostd: FullVhostd): number {
  const [pid] = childrenOf(vhostd.pid);
  assert.ok(pid !== undefined);
  return pid;
}

/** Those that have ended and are not waited for, too. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
}

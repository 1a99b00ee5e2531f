import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readIdentity } from '@vhostd/supervisor';
import { ClaimChain } from './claim-chain.js';
import { acquireInstanceLock } from './instance-lock.js';
import { resolveRunDir } from './run-dir.js';
import type { RunDir } from './run-dir.js';

let runDir: RunDir;
const children = new Set<ChildProcess>();
beforeEach(() => {
  runDir = resolveRunDir(mkdtempSync(path.join(tmpdir(), 'vhostd-lock-')));
});
afterEach(async () => {
  await Promise.all(Array.from(children, (child) => end(child, 'SIGKILL')));
  rmSync(runDir.path, { recursive: true, force: true });
});
const options = {
  onLost: () => {
    throw new Error('not expected to be lost');
  },
};

void describe('acquireInstanceLock', () => {
  void it('lets one in, names it to the next, and lets that one in after a release', async () => {
    const first = await acquireInstanceLock(runDir, options);
    assert.equal(first.identity.pid, process.pid);
    assert.equal(first.isHeld(), true);
    await assert.rejects(acquireInstanceLock(runDir, options), {
      code: 'ERR_DAEMON_RUNNING',
      info: { path: runDir.path, pid: process.pid },
    });
    await Promise.all([first.release(), first.release()]);
    assert.equal(first.isHeld(), false);
    const second = await acquireInstanceLock(runDir, options);
    assert.equal(second.isHeld(), true);
    await second.release();
  });

  void it('says why it cannot lock at all', async () => {
    await assert.rejects(acquireInstanceLock(resolveRunDir('/proc/vhostd'), options), {
      code: 'ERR_LOCK_FAILED',
    });
  });

  void it(
    'lets exactly one of 20 starters win, 19 times over, each time against a killed holder',
    { timeout: 300_000 },
    async () => {
      const starters = await Promise.all(Array.from({ length: 20 }, start));
      while (starters.length > 1) {
        const answers = await Promise.all(starters.map((starter) => ask(starter, 'take')));
        const winners = starters.filter((starter, at) => {
          const { pid } = starter;
          return JSON.stringify(answers[at]) === JSON.stringify({ winner: pid });
        });
        assert.equal(winners.length, 1, JSON.stringify(answers));
        const [winner] = winners;
        assert.ok(winner !== undefined);
        for (const answer of answers) {
          if (answer === answers[starters.indexOf(winner)]) continue;
          assert.deepEqual(answer, { code: 'ERR_DAEMON_RUNNING', winner: winner.pid });
        }
        starters.splice(starters.indexOf(winner), 1);
        await end(winner, 'SIGKILL');
      }
    },
  );

  void it('lets the next one in at once after its holder exits or is terminated', async () => {
    for (const leave of [
      (holder: ChildProcess) => holder.send('exit'),
      (holder: ChildProcess) => holder.kill('SIGTERM'),
      (holder: ChildProcess) => holder.kill('SIGKILL'),
    ]) {
      const holder = await start();
      assert.deepEqual(await ask(holder, 'take'), { winner: holder.pid });
      const exit = once(holder, 'exit');
      leave(holder);
      await exit;
      const lock = await acquireInstanceLock(runDir, options);
      await lock.release();
    }
  });

  void it('does not take a stopped holder for a dead one', async () => {
    const holder = await start();
    await ask(holder, 'take');
    holder.kill('SIGSTOP');
    await assert.rejects(acquireInstanceLock(runDir, options), { code: 'ERR_DAEMON_RUNNING' });
  });

  void it('is not lost to a clock that jumps', async (test) => {
    const lost: string[] = [];
    const lock = await acquireInstanceLock(runDir, { checkMs: 1_000, onLost: ({ code }) => lost.push(code) });
    const now = Date.now();
    for (const jump of [86_400_000, -86_400_000, 10 * 365 * 86_400_000]) {
      test.mock.method(Date, 'now', () => now + jump);
      await assert.rejects(acquireInstanceLock(runDir, options), { code: 'ERR_DAEMON_RUNNING' });
      await pass(2_200);
    }
    test.mock.restoreAll();
    assert.deepEqual(lost, []);
    assert.equal(lock.isHeld(), true);
    await lock.release();
  });

  void it('is not lost to an event loop that was blocked', async () => {
    const holder = await start();
    await ask(holder, 'take');
    const unblocked = ask(holder, 'block');
    await assert.rejects(acquireInstanceLock(runDir, options), { code: 'ERR_DAEMON_RUNNING' });
    assert.equal(await unblocked, 'unblocked');
    await assert.rejects(acquireInstanceLock(runDir, options), { code: 'ERR_DAEMON_RUNNING' });
  });

  void it('reports a lock that was removed, and throws nothing', async () => {
    const { promise, resolve } = firstOf<{ code: string; info: unknown }>();
    const lock = await acquireInstanceLock(runDir, { checkMs: 1_000, onLost: resolve });
    rmSync(runDir.lock, { recursive: true });
    assert.equal(lock.isHeld(), false);
    const { code, info } = await promise;
    assert.equal(code, 'ERR_LOCK_LOST');
    assert.deepEqual(info, { path: runDir.path });
    await lock.release();
  });

  void it('reports a lock that another process took after a removal, and does not disturb that one', async () => {
    const { promise, resolve } = firstOf<{ code: string; info: unknown }>();
    const lock = await acquireInstanceLock(runDir, { checkMs: 1_000, onLost: resolve });
    const other = readIdentity(process.ppid);
    assert.ok(other !== undefined);
    rmSync(runDir.lock, { recursive: true });
    const successor = new ClaimChain(runDir.lock, other);
    assert.equal(successor.claim(), undefined);
    const { code, info } = await promise;
    assert.equal(code, 'ERR_LOCK_LOST');
    assert.deepEqual(info, { path: runDir.path, pid: other.pid });
    await lock.release();
    assert.equal(successor.holds(), true);
  });
});

async function start(): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('instance-lock.test.child.js', import.meta.url)), [runDir.path]);
  children.add(child);
  await once(child, 'message');
  return child;
}

async function ask(child: ChildProcess, command: string): Promise<unknown> {
  const answer = once(child, 'message');
  child.send(command);
  const [message]: unknown[] = await answer;
  return message;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** A promise that keeps the process alive until it is resolved, since the lock's own timer does not. */
function firstOf<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  const alive = setInterval(() => {}, 60_000);
  let settle: ((value: Value) => void) | undefined;
  const promise = new Promise<Value>((resolve) => (settle = resolve));
  return {
    promise,
    resolve(value) {
      clearInterval(alive);
      settle?.(value);
    },
  };
}

/** Lets at least so much time pass; what is tested must hold however much more it is. */
function pass(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readIdentity } from '@vhostd/supervisor';
import { readPidFile, writePidFile } from '@vhostd/supervisor';
import { RunDirLease } from './run-dir-lease.js';
import { resolveRunDir } from './run-dir.js';
import type { RunDir } from './run-dir.js';

let runDir: RunDir;
const children = new Set<ChildProcess>();
beforeEach(() => {
  runDir = resolveRunDir(mkdtempSync(path.join(tmpdir(), 'vhostd-lease-')));
});
afterEach(async () => {
  await Promise.all(Array.from(children, (child) => end(child, 'SIGKILL')));
  rmSync(runDir.path, { recursive: true, force: true });
});

void describe('the lease of a run directory', () => {
  void it('is for one, whom it names to the next, and for that one after a release', async () => {
    const first = await RunDirLease.acquire(runDir);
    assert.deepEqual(readdirSync(runDir.path), ['daemon.pid'], 'no lock stays');
    await assert.rejects(RunDirLease.acquire(runDir), {
      code: 'ERR_DAEMON_RUNNING',
      info: { path: runDir.path, pid: process.pid },
    });
    first.release();
    assert.deepEqual(readdirSync(runDir.path), []);
    const second = await RunDirLease.acquire(runDir);
    second.release();
  });

  void it(
    'is for exactly one of 20 starters, 19 times over, each time against a killed holder',
    { timeout: 300_000 },
    async () => {
      const starters = await Promise.all(Array.from({ length: 20 }, start));
      while (starters.length > 1) {
        const answers = await Promise.all(starters.map((starter) => ask(starter, 'take')));
        const winners = starters.filter(
          ({ pid }, at) => JSON.stringify(answers[at]) === JSON.stringify({ winner: pid }),
        );
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

  void it('is free at once after its holder exits or is killed, and not while that is stopped', async () => {
    for (const leave of [
      (holder: ChildProcess) => holder.send('exit'),
      (holder: ChildProcess) => holder.kill('SIGTERM'),
      (holder: ChildProcess) => holder.kill('SIGKILL'),
    ]) {
      const holder = await start();
      assert.deepEqual(await ask(holder, 'take'), { winner: holder.pid });
      holder.kill('SIGSTOP');
      await assert.rejects(RunDirLease.acquire(runDir), { code: 'ERR_DAEMON_RUNNING' });
      holder.kill('SIGCONT');
      const exit = once(holder, 'exit');
      leave(holder);
      await exit;
      const lease = await RunDirLease.acquire(runDir);
      lease.release();
    }
  });

  void it('passes from one that makes room to its successor', async () => {
    const holder = await start();
    await ask(holder, 'take');
    const predecessor = readIdentity(holder.pid ?? 0);
    assert.ok(predecessor !== undefined);
    const lease = await RunDirLease.acquire(runDir, predecessor);
    assert.equal(readPidFile(runDir.pidFile)?.pid, process.pid);
    lease.release();
  });
});

void describe('a PID file that was tampered with', () => {
  void it('is put back when it was removed or spoilt, with its directory', async () => {
    const lease = await RunDirLease.acquire(runDir);
    const content = readFileSync(runDir.pidFile, 'utf8');
    assert.equal(await lease.restore(), false);
    for (const spoil of [
      () => rmSync(runDir.pidFile),
      () => rmSync(runDir.path, { recursive: true }),
      () => writeFileSync(runDir.pidFile, 'garbage'),
      () => writeFileSync(runDir.pidFile, '999999999\n1\n\n'),
    ]) {
      spoil();
      assert.equal(await lease.restore(), true);
      assert.equal(readFileSync(runDir.pidFile, 'utf8'), content);
    }
    lease.release();
  });

  void it('is left to another living process that took the directory', async () => {
    const lease = await RunDirLease.acquire(runDir);
    const other = readIdentity(process.ppid);
    assert.ok(other !== undefined);
    writePidFile(runDir.pidFile, other);
    await assert.rejects(lease.restore(), {
      code: 'ERR_LOCK_LOST',
      info: { path: runDir.path, pid: other.pid },
    });
    lease.release();
    assert.equal(readPidFile(runDir.pidFile)?.pid, other.pid);
  });

  void it('does not keep a daemon from starting', async () => {
    for (const text of ['', 'garbage\n', '1\n', '-1\n1\n\n', '99999999999999999999\n1\n\n', '\u0000']) {
      writeFileSync(runDir.pidFile, text);
      const lease = await RunDirLease.acquire(runDir);
      lease.release();
    }
  });
});

void describe('a lock that was left or forged', () => {
  void it('is taken over when it is old', async () => {
    mkdirSync(runDir.lock);
    utimesSync(runDir.lock, 1, 1);
    const lease = await RunDirLease.acquire(runDir);
    lease.release();
  });

  void it('gives an error that says what to do, and never a loop', { timeout: 120_000 }, async () => {
    const forge = [
      () => symlinkSync('999999999999999', runDir.lock),
      () => writeFileSync(runDir.lock, ''),
      () => {
        mkdirSync(runDir.lock);
        utimesSync(runDir.lock, 4e9, 4e9);
      },
    ];
    for (const make of forge) {
      make();
      await assert.rejects(RunDirLease.acquire(runDir), { code: 'ERR_LOCK_FAILED', message: /daemon\.lock/ });
      rmSync(runDir.lock, { recursive: true });
    }
  });
});

async function start(): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('run-dir-lease.test.child.js', import.meta.url)), [runDir.path]);
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

// What brings a daemon back that died together with its master: it does so just where nobody else does.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { guardsOf } from '../fixtures/bench.test.kit.js';

/** A daemon with its guard. */
class Guarded {
  readonly pidFile: string;
  readonly startedFile: string;
  readonly daemon: ChildProcess;
  /** Of the process that plays its master; 0 without one. */
  master = 0;

  private constructor(dir: string, withMaster: boolean) {
    this.pidFile = join(dir, 'daemon.pid');
    this.startedFile = join(dir, 'started');
    const file = fileURLToPath(new URL('./guard.test.child.js', import.meta.url));
    this.daemon = fork(file, [this.pidFile, this.startedFile, ...(withMaster ? ['master'] : [])]);
  }

  static async start(t: TestContext, withMaster = false): Promise<Guarded> {
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-guard-'));
    const guarded = new Guarded(dir, withMaster);
    t.after(() => {
      guarded.daemon.kill('SIGKILL');
      guarded.killMaster();
      for (const pid of guarded.guards()) process.kill(pid, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    });
    const [master] = (await once(guarded.daemon, 'message')) as [number];
    guarded.master = master;
    assert.equal(guarded.guards().length, 1);
    return guarded;
  }

  killMaster(): void {
    if (this.master !== 0) process.kill(this.master, 'SIGKILL');
    this.master = 0;
  }

  /** The shells that wait. */
  guards(): number[] {
    return guardsOf(this.pidFile);
  }

  /** Ends the daemon, and waits until its guard has nothing more to do. */
  async end(how: () => void): Promise<void> {
    const ended = once(this.daemon, 'exit');
    how();
    await ended;
    await this.guardGone();
  }

  async guardGone(): Promise<void> {
    for (const limitMs = performance.now() + LIMIT_MS; this.guards().length > 0; await delay(20))
      assert.ok(performance.now() < limitMs, 'the guard is still there');
  }

  /** The arguments with which the program was started; it is what the guard has become. */
  async started(): Promise<string> {
    for (const limitMs = performance.now() + LIMIT_MS; !existsSync(this.startedFile); await delay(20))
      assert.ok(performance.now() < limitMs, 'nothing was started');
    return readFileSync(this.startedFile, 'utf8');
  }
}

const LIMIT_MS = 60_000;

void describe('the guard of a daemon', { skip: process.platform !== 'linux', concurrency: true }, () => {
  void it('starts the program with its arguments when the daemon is killed and there is no master', async (t) => {
    const guarded = await Guarded.start(t);
    await guarded.end(() => guarded.daemon.kill('SIGKILL'));
    assert.equal(await guarded.started(), 'one,two words');
  });

  void it('waits for as long as the master lives, which is to start the next daemon', async (t) => {
    const guarded = await Guarded.start(t, true);
    const ended = once(guarded.daemon, 'exit');
    guarded.daemon.kill('SIGKILL');
    await ended;
    // Many times as long as it takes where there is no master.
    await delay(1000);
    assert.deepEqual([guarded.guards().length, existsSync(guarded.startedFile)], [1, false]);
    guarded.killMaster();
    assert.equal(await guarded.started(), 'one,two words');
  });

  void it('starts nothing where the PID file names another daemon by then, or none', async (t) => {
    for (const text of ['1\n', '']) {
      const guarded = await Guarded.start(t);
      writeFileSync(guarded.pidFile, text);
      await guarded.end(() => guarded.daemon.kill('SIGKILL'));
      assert.equal(existsSync(guarded.startedFile), false);
    }
  });

  void it('starts nothing behind an ordered end, nor once it was dismissed', async (t) => {
    const leaving = await Guarded.start(t);
    await leaving.end(() => leaving.daemon.send('exit'));
    assert.equal(existsSync(leaving.startedFile), false);
    const dismissed = await Guarded.start(t);
    dismissed.daemon.send('dismiss');
    await dismissed.guardGone();
    dismissed.daemon.kill('SIGKILL');
    assert.equal(existsSync(dismissed.startedFile), false);
  });
});

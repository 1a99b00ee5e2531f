// What makes a daemon the one of its run directory: its PID file there names this process.
import { VhostError } from '@vhostd/protocol';
import { isAlive, readIdentity, readPidFile, removePidFile, writePidFile } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { createRunDir } from './run-dir.js';
import type { RunDir } from './run-dir.js';
import { withRunDirLock } from './run-dir-lock.js';

/** A run directory that is this process's from {@link RunDirLease.acquire} on. */
export class RunDirLease {
  readonly #runDir: RunDir;
  readonly #self: ProcessIdentity;

  private constructor(runDir: RunDir, self: ProcessIdentity) {
    this.#runDir = runDir;
    this.#self = self;
  }

  /**
   * Takes the run directory, which is made where there is none, unless a living process has it: told apart by pid, start
   * time and boot id. Of any number that try at once one succeeds. `predecessor` makes room, and may live.
   * @throws {VhostError} ERR_DAEMON_RUNNING with `info.pid`, ERR_LOCK_FAILED, ERR_RUN_DIR_UNSAFE, ERR_RUN_DIR_FAILED; or
   * the system's error about the PID file.
   */
  static async acquire(runDir: RunDir, predecessor?: ProcessIdentity): Promise<RunDirLease> {
    const self = readIdentity(process.pid);
    if (self === undefined) {
      throw new VhostError('ERR_LOCK_FAILED', `cannot read the identity of process ${process.pid}`);
    }
    createRunDir(runDir);
    await withRunDirLock(runDir, () => {
      const holder = livingHolder(runDir);
      if (holder !== undefined && !isSame(holder, predecessor)) throw runningError(runDir, holder);
      writePidFile(runDir.pidFile, self);
    });
    return new RunDirLease(runDir, self);
  }

  /**
   * Puts the PID file back if somebody removed or spoilt it. True if so.
   * @throws {VhostError} ERR_LOCK_LOST if another living process has the directory; otherwise as {@link acquire}.
   */
  async restore(): Promise<boolean> {
    if (isSame(this.#self, readPidFile(this.#runDir.pidFile))) return false;
    createRunDir(this.#runDir);
    await withRunDirLock(this.#runDir, () => {
      const holder = livingHolder(this.#runDir);
      if (holder !== undefined && !isSame(holder, this.#self)) throw lostError(this.#runDir, holder);
      writePidFile(this.#runDir.pidFile, this.#self);
    });
    return true;
  }

  /** Lets go: removes the PID file if it names this process. Never throws. */
  release(): void {
    removePidFile(this.#runDir.pidFile, this.#self);
  }
}

/** Whom the PID file names, if that process lives. */
function livingHolder({ pidFile }: RunDir): ProcessIdentity | undefined {
  const holder = readPidFile(pidFile);
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

function isSame(one: ProcessIdentity, other: ProcessIdentity | undefined): boolean {
  return one.pid === other?.pid && one.startTime === other.startTime && one.bootId === other.bootId;
}

function runningError({ path }: RunDir, { pid }: ProcessIdentity): VhostError {
  const message = `a daemon is running in ${path}: process ${pid}`;
  return new VhostError('ERR_DAEMON_RUNNING', message, { info: { path, pid } });
}

function lostError({ path }: RunDir, { pid }: ProcessIdentity): VhostError {
  const message = `the run directory ${path} is another daemon's by now: process ${pid}`;
  return new VhostError('ERR_LOCK_LOST', message, { info: { path, pid } });
}

// Which process a name stands for: its PID file, over all programs of this user.
import { unlinkSync } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import {
  createPidFile,
  inspectPidFile,
  isAlive,
  isPrivateDirectory,
  isSame,
  makePrivateDirectory,
  removePidFile,
  writePidFile,
} from '@vhostd/supervisor';
import type { PidFileContent, ProcessIdentity } from '@vhostd/supervisor';
import type { DaemonFiles } from './daemon-files.js';
import { StartLock } from './start-lock.js';
import type { Release } from './start-lock.js';
import { StartNote } from './start-note.js';

/** What there is of a name, before its process is started. */
export type RecordState =
  /** `wasMissing`: no PID file named the process, which was mended. */
  | { kind: 'running'; pid: number; wasMissing: boolean }
  /** `replaced`: why the PID file that was there was removed. */
  | { kind: 'free'; replaced: string | undefined };

/** A process that was started. */
export interface Recorded {
  readonly identity: ProcessIdentity | undefined;
  readonly child: { kill(signal: 'SIGKILL'): boolean };
}

export class DaemonRecord {
  readonly #runDir: string;
  readonly #pidFile: string;
  readonly #lock: StartLock;
  readonly #note: StartNote;

  constructor(runDir: string, files: DaemonFiles) {
    this.#runDir = runDir;
    this.#pidFile = files.pidFile;
    this.#lock = new StartLock(files);
    this.#note = new StartNote(files.startNote);
  }

  /**
   * The process that the PID file names, living or not; undefined if it names none.
   * Throws `ERR_RUN_DIR_UNSAFE` and `ERR_DAEMONIZE_PID_FILE`.
   */
  get(): ProcessIdentity | undefined {
    if (!isPrivateDirectory(this.#runDir)) return undefined;
    const content = this.#inspect();
    return content.kind === 'identity' ? content.identity : undefined;
  }

  /** As {@link get}; also a living process whose starter was killed before it had written the PID file. */
  find(): ProcessIdentity | undefined {
    return this.get() ?? (isPrivateDirectory(this.#runDir) ? this.#note.findProcess() : undefined);
  }

  /**
   * Makes the run directory and takes the lock, at once where it is free.
   * Throws `ERR_RUN_DIR_UNSAFE` and `ERR_RUN_DIR_FAILED`, also `ERR_LOCK_FAILED`.
   */
  tryLock(): Release | undefined {
    makePrivateDirectory(this.#runDir);
    return this.#lock.tryAcquire();
  }

  /** Waits for the lock; undefined if `signal` was aborted before. Rejects with `ERR_LOCK_FAILED`. */
  lock(signal: AbortSignal): Promise<Release | undefined> {
    return this.#lock.acquire(signal);
  }

  /**
   * Finds the process that runs, or makes room for another one. To be called with the lock held.
   * Throws `ERR_DAEMONIZE_PID_FILE` for a file that must not be replaced.
   * @param own a living process of this name that the caller knows of.
   */
  prepare(own: ProcessIdentity | undefined): RecordState {
    const content = this.#inspect();
    const isRecorded = content.kind === 'identity' && isAlive(content.identity);
    const running = isRecorded ? content.identity : (own ?? this.#note.findProcess());
    if (running !== undefined) {
      if (!isRecorded) writePidFile(this.#pidFile, running);
      this.#note.remove();
      return { kind: 'running', pid: running.pid, wasMissing: !isRecorded };
    }
    if (content.kind === 'none') return { kind: 'free', replaced: undefined };
    unlinkSync(this.#pidFile);
    return {
      kind: 'free',
      replaced: content.kind === 'garbage' ? 'it was no PID file' : 'its process is gone',
    };
  }

  /**
   * Starts a process and writes its PID file. To be called with the lock held, after {@link prepare}.
   *
   * Gives the pid of another process where another program was quicker, which the lock excludes unless this program
   * stood still for seconds while it had it. Only one of the two lives on, and none where the PID file cannot be
   * written: nobody could stop it.
   *
   * Throws what `spawn` throws, and `ERR_DAEMONIZE_PID_FILE`.
   * @param spawn starts the process with the given text in its {@link START_VARIABLE}. One that gives no identity has
   * ended already.
   */
  create<Run extends Recorded>(spawn: (note: string) => Run): Run | number {
    let run: Run | undefined;
    try {
      run = spawn(this.#writeNote());
      const other = run.identity === undefined ? undefined : this.#write(run.identity);
      if (other === undefined) return run;
      run.child.kill('SIGKILL');
      return other;
    } catch (error) {
      run?.child.kill('SIGKILL');
      throw error;
    } finally {
      this.#note.remove();
    }
  }

  /** Removes the PID file of a process that has ended, unless it names another one by now. */
  async forget(identity: ProcessIdentity): Promise<void> {
    const recorded = this.get();
    if (recorded === undefined || !isSame(recorded, identity) || isAlive(identity)) return;
    const release = await this.#lock.acquire();
    removePidFile(this.#pidFile, identity);
    release?.();
  }

  /** Removes a file in the place of the PID file that names nobody, so that none is there when nothing runs. */
  async forgetGarbage(): Promise<void> {
    if (!isPrivateDirectory(this.#runDir) || this.#inspect().kind !== 'garbage') return;
    const release = await this.#lock.acquire();
    if (this.#inspect().kind === 'garbage') unlinkSync(this.#pidFile);
    release?.();
  }

  #writeNote(): string {
    try {
      return this.#note.write();
    } catch (cause) {
      throw this.#unwritable(cause);
    }
  }

  /** Undefined if the PID file names the process now, else the pid of the one that it names. */
  #write(identity: ProcessIdentity): number | undefined {
    try {
      if (createPidFile(this.#pidFile, identity)) return undefined;
      const other = inspectPidFile(this.#pidFile);
      if (other.kind !== 'identity') throw new Error('another program made and removed it');
      // Another program may have found the process by its note.
      return isSame(other.identity, identity) ? undefined : other.identity.pid;
    } catch (cause) {
      throw this.#unwritable(cause);
    }
  }

  #unwritable(cause: unknown): VhostError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new VhostError('ERR_DAEMONIZE_PID_FILE', `cannot write the PID file ${this.#pidFile}: ${reason}`, {
      info: { path: this.#pidFile },
      cause,
    });
  }

  #inspect(): Exclude<PidFileContent, { kind: 'unsafe' }> {
    const content = inspectPidFile(this.#pidFile);
    if (content.kind !== 'unsafe') return content;
    throw new VhostError(
      'ERR_DAEMONIZE_PID_FILE',
      `the PID file ${this.#pidFile} was not written by this user: ${content.reason}; remove it when the process ` +
        `that it stands for is known`,
      { info: { path: this.#pidFile } },
    );
  }
}

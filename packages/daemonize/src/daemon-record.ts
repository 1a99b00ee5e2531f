// Which process a name stands for: its PID file, over all programs of this user.
import { unlinkSync } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import {
  createPidFile,
  findUnfinished,
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

/** What there is of a name, before its process is started. */
export type RecordState =
  /** `wasMissing`: no PID file named the process, which was mended. */
  | { kind: 'running'; pid: number; wasMissing: boolean }
  /** `replaced`: why the PID file that was there was removed. */
  | { kind: 'free'; replaced: string | undefined };

export class DaemonRecord {
  readonly #runDir: string;
  readonly #pidFile: string;
  readonly #lock: StartLock;

  constructor(runDir: string, files: DaemonFiles) {
    this.#runDir = runDir;
    this.#pidFile = files.pidFile;
    this.#lock = new StartLock(files);
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

  /** As {@link get}; also a living process whose starter was killed while it wrote the PID file. */
  find(): ProcessIdentity | undefined {
    return this.get() ?? findUnfinished(this.#pidFile);
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
    if (content.kind === 'identity' && isAlive(content.identity))
      return { kind: 'running', pid: content.identity.pid, wasMissing: false };
    const unrecorded = own ?? findUnfinished(this.#pidFile);
    if (unrecorded !== undefined) {
      writePidFile(this.#pidFile, unrecorded);
      return { kind: 'running', pid: unrecorded.pid, wasMissing: true };
    }
    if (content.kind === 'none') return { kind: 'free', replaced: undefined };
    unlinkSync(this.#pidFile);
    return {
      kind: 'free',
      replaced: content.kind === 'garbage' ? 'it was no PID file' : 'its process is gone',
    };
  }

  /**
   * Writes the PID file of a process that was started just now. Undefined if it names that process, else the pid of
   * another one that was quicker, which the lock excludes unless this program stood still for seconds while it had it.
   * Throws `ERR_DAEMONIZE_PID_FILE` if it cannot be written.
   */
  create(identity: ProcessIdentity): number | undefined {
    try {
      if (createPidFile(this.#pidFile, identity)) return undefined;
      const other = inspectPidFile(this.#pidFile);
      if (other.kind === 'identity') return other.identity.pid;
      throw new Error('another program made and removed it');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new VhostError(
        'ERR_DAEMONIZE_PID_FILE',
        `cannot write the PID file ${this.#pidFile}: ${reason}`,
        {
          info: { path: this.#pidFile },
          cause,
        },
      );
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

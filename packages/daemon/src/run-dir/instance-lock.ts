// One daemon a run directory: proper-lockfile watches over the lock, the owner's identity decides whose it is.
import { VhostError } from '@vhostd/protocol';
import { readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { lock } from 'proper-lockfile';
import { ClaimChain } from './claim-chain.js';
import type { RunDir } from './run-dir.js';

/** The lock of a run directory, held from {@link acquireInstanceLock} on. */
export interface InstanceLock {
  /** This process, as the lock names it. */
  readonly identity: ProcessIdentity;
  /** Looks whether the lock is still this process's. */
  isHeld(): boolean;
  /** Lets go; the next daemon may start at once. May be called more than once. */
  release(): Promise<void>;
}

/** Options of {@link acquireInstanceLock}. */
export interface InstanceLockOptions {
  /**
   * Told once, with ERR_LOCK_LOST, when the lock is found removed or somebody else's. That takes an intervention:
   * someone deleted files in the run directory. The process decides what to do; another daemon may be running.
   */
  onLost: (error: VhostError) => void;
  /** How often to look whether the lock is still held, in ms. Default 5000, at least 1000. */
  checkMs?: number;
}

/**
 * Takes the lock of a run directory, which must exist.
 *
 * A lock whose owner is dead (by pid, start time and boot id) never blocks: it is taken over at once, and of any
 * number of processes that try exactly one wins. Neither the wall clock nor file times decide anything, so a clock
 * that jumps or a blocked event loop loses no lock. A process that exits lets go; one that is killed is found dead.
 *
 * Loading proper-lockfile adds listeners for the terminating signals, which only act where nobody else listens.
 *
 * @throws VhostError ERR_DAEMON_RUNNING with `info.pid`; ERR_LOCK_FAILED if the directory cannot be used.
 */
export async function acquireInstanceLock(
  runDir: RunDir,
  options: InstanceLockOptions,
): Promise<InstanceLock> {
  const identity = readIdentity(process.pid);
  if (identity === undefined)
    throw new VhostError('ERR_LOCK_FAILED', `cannot read the identity of process ${process.pid}`);
  const chain = new ClaimChain(runDir.lock, identity);
  const files = new LockFiles(chain);
  let release: () => Promise<void>;
  let released: Promise<void> | undefined;
  try {
    release = await lock(runDir.path, {
      lockfilePath: runDir.lock,
      realpath: false,
      fs: files,
      stale: NEVER_STALE_MS,
      update: options.checkMs ?? 5_000,
      onCompromised: () => {
        if (released === undefined) options.onLost(lostError(runDir, files));
      },
    });
  } catch (error) {
    throw acquireError(runDir, files, error);
  }
  return {
    identity,
    isHeld: () => chain.holds(),
    release: () => (released ??= release().catch(ignoreReleased)),
  };
}

/** Far more than any clock jumps, so that proper-lockfile's own reading of file times never comes to a verdict. */
const NEVER_STALE_MS = 1e15;

type Callback<Value> = (error: Error | null, value?: Value) => void;

/**
 * The calls that proper-lockfile makes on its lock directory, answered by the chain of claims: its mkdir claims, its
 * rmdir lets go, and the file time by which it sees whether a lock is still its own says just that.
 */
class LockFiles {
  /** The last other process that was found to hold the lock. */
  rival: ProcessIdentity | undefined;
  readonly #chain: ClaimChain;
  #time = new Date(0);

  constructor(chain: ClaimChain) {
    this.#chain = chain;
  }

  readonly mkdir = (_path: string, callback: Callback<void>): void => {
    answer(callback, () => {
      this.rival = this.#chain.claim();
      if (this.rival !== undefined) throw systemError('EEXIST', `process ${this.rival.pid} holds the lock`);
    });
  };

  readonly stat = (_path: string, callback: Callback<{ mtime: Date }>): void => {
    answer(callback, () => {
      if (this.#chain.holds()) return { mtime: this.#time };
      this.rival = this.#chain.holder();
      if (this.rival === undefined) throw systemError('ENOENT', 'nobody holds the lock');
      return { mtime: EQUAL_TO_NO_TIME };
    });
  };

  readonly utimes = (_path: string, _accessed: Date, modified: Date, callback: Callback<void>): void => {
    this.#time = modified;
    answer(callback, () => {});
  };

  readonly rmdir = (_path: string, callback: Callback<void>): void => {
    answer(callback, () => this.#chain.release());
  };

  /** Called while the process exits. */
  readonly rmdirSync = (): void => this.#chain.release();
}

/** An invalid date is neither older than a limit nor the same as any other. */
const EQUAL_TO_NO_TIME = new Date(Number.NaN);

function answer<Value>(callback: Callback<Value>, run: () => Value): void {
  process.nextTick(() => {
    let value: Value;
    try {
      value = run();
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    callback(null, value);
  });
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function acquireError(runDir: RunDir, { rival }: LockFiles, cause: unknown): VhostError {
  if (rival !== undefined && cause instanceof Error && 'code' in cause && cause.code === 'ELOCKED') {
    return new VhostError(
      'ERR_DAEMON_RUNNING',
      `a daemon is running in ${runDir.path}: process ${rival.pid}`,
      {
        info: { path: runDir.path, pid: rival.pid },
      },
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VhostError('ERR_LOCK_FAILED', `cannot lock the run directory ${runDir.path}: ${reason}`, {
    info: { path: runDir.path },
    cause,
  });
}

function lostError(runDir: RunDir, { rival }: LockFiles): VhostError {
  const how = rival === undefined ? 'it was removed' : `process ${rival.pid} has it`;
  return new VhostError('ERR_LOCK_LOST', `the lock of the run directory ${runDir.path} is lost: ${how}`, {
    info: rival === undefined ? { path: runDir.path } : { path: runDir.path, pid: rival.pid },
  });
}

/** A lock that was lost cannot be released; it is nobody's business any more. */
function ignoreReleased(error: unknown): void {
  if (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERELEASED' || error.code === 'ENOTACQUIRED')
  )
    return;
  throw error;
}

// One at a time looks at a name's PID file and changes it, over all processes of this user.
import { lstatSync, rmdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import { lockSync } from 'proper-lockfile';

/** Lets go of the lock. */
export type Release = () => void;

/**
 * The lock of one PID file, in a directory that exists. It is held for milliseconds, without waiting for anything, so
 * that a lock which stands for 5 s belongs to a process that was killed. It makes starts wait for one another; that
 * no two of them succeed is the PID file's own doing, which is created by one process only.
 */
export class StartLock {
  readonly #pidFile: string;
  readonly #lock: string;
  readonly #staleMs: number;

  /** @param staleMs after so long a lock is a killed process's, in ms, at least 2000. */
  constructor({ pidFile, lock }: { pidFile: string; lock: string }, staleMs: number = STALE_MS) {
    this.#pidFile = pidFile;
    this.#lock = lock;
    this.#staleMs = staleMs;
  }

  /** Takes the lock; undefined if somebody has it. Throws `ERR_LOCK_FAILED` where there can be none. */
  tryAcquire(): Release | undefined {
    try {
      const release = lockSync(this.#pidFile, {
        lockfilePath: this.#lock,
        realpath: false,
        stale: this.#staleMs,
        // Told when a lock that is held for seconds was taken away; see above.
        onCompromised: () => {},
      });
      return () => {
        try {
          release();
        } catch {
          // Somebody took it for a killed process's, after this process stood still for 5 s.
        }
      };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ELOCKED') return undefined;
      throw this.#failed(error);
    }
  }

  /** Waits for the lock; undefined if `signal` was aborted before. Throws `ERR_LOCK_FAILED`. */
  async acquire(signal?: AbortSignal): Promise<Release | undefined> {
    const deadlineMs = performance.now() + LIMIT_MS;
    let seen = this.#state();
    let seenMs = performance.now();
    while (signal?.aborted !== true) {
      const release = this.tryAcquire();
      if (release !== undefined) return release;
      const nowMs = performance.now();
      const state = this.#state();
      if (state !== seen) {
        seen = state;
        seenMs = nowMs;
      } else if (nowMs - seenMs > this.#staleMs) {
        // Its time is that of a wall clock that has gone back since.
        this.#remove();
      }
      if (nowMs > deadlineMs) throw this.#failed(new Error(`others hold it for ${LIMIT_MS / 1000} s`));
      await delay(LOOK_MS);
    }
    return undefined;
  }

  /** Another text for another lock. */
  #state(): string {
    const status = lstatSync(this.#lock, { bigint: true, throwIfNoEntry: false });
    return status === undefined ? 'none' : `${status.ino} ${status.mtimeNs}`;
  }

  #remove(): void {
    try {
      rmdirSync(this.#lock);
    } catch {
      // The next attempt tells.
    }
  }

  #failed(cause: unknown): VhostError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new VhostError('ERR_LOCK_FAILED', `cannot lock ${this.#lock}: ${reason}`, {
      info: { path: this.#lock },
      cause,
    });
  }
}

const STALE_MS = 5_000;
const LIMIT_MS = 60_000;
const LOOK_MS = 20;

// Lets one process at a time look at the PID file of a run directory and write it.
import { VhostError } from '@vhostd/protocol';
import { lock } from 'proper-lockfile';
import type { RunDir } from './run-dir.js';

/**
 * Runs `work`, which takes no time, while no other process runs its own for that run directory.
 *
 * The lock decides nothing else: who runs is what the PID file says. One that a killed process left is taken after 5 s.
 * Loading proper-lockfile adds listeners for the terminating signals, which only act where nobody else listens.
 *
 * @throws {VhostError} ERR_LOCK_FAILED; or what `work` throws.
 */
export async function withRunDirLock<T>(runDir: RunDir, work: () => T): Promise<T> {
  let unlock: () => Promise<void>;
  try {
    unlock = await lock(runDir.path, {
      lockfilePath: runDir.lock,
      realpath: false,
      stale: STALE_MS,
      retries: RETRIES,
      // Whoever took it over has seen the PID file as it is now.
      onCompromised: () => undefined,
    });
  } catch (cause) {
    throw failed(runDir, cause);
  }
  try {
    return work();
  } finally {
    await unlock().catch(() => undefined);
  }
}

function failed({ path, lock: file }: RunDir, cause: unknown): VhostError {
  const isLocked = cause instanceof Error && 'code' in cause && cause.code === 'ELOCKED';
  const reason = cause instanceof Error ? cause.message : String(cause);
  const what = isLocked ? `${file} stays; remove it unless a vhostd is starting there` : reason;
  return new VhostError('ERR_LOCK_FAILED', `cannot lock the run directory ${path}: ${what}`, {
    info: { path },
    cause,
  });
}

/** So old is a lock whose holder was killed, ms. */
const STALE_MS = 5_000;
/** Together longer than {@link STALE_MS}: about 8 s. */
const RETRIES = { retries: 50, factor: 1.1, minTimeout: 20, maxTimeout: 250, randomize: true };

// One process at a time: two daemons, and the masters of an upgrade, may use one state directory.
import { lock } from 'proper-lockfile';
import { VhostError } from '@vhostd/protocol';

/** How often a lock that somebody has is tried for, each 100 ms. Default: once. */
export interface LockOptions {
  readonly retries?: number;
}

/**
 * Runs `work` while this process alone has `lockfile`; undefined where another one has it. A lock of a process that was
 * killed is free after 30 s.
 * @throws {VhostError} ERR_LOCK_FAILED, and what `work` rejects with.
 */
export async function locked<T>(
  lockfile: string,
  work: () => Promise<T>,
  { retries = 0 }: LockOptions = {},
): Promise<{ value: T } | undefined> {
  let release: () => Promise<void>;
  try {
    release = await lock(lockfile, {
      lockfilePath: lockfile,
      realpath: false,
      stale: STALE_MS,
      retries: { retries, factor: 1, minTimeout: 100, maxTimeout: 100 },
      // This process stood still for so long: another one may do the same work, which does no harm.
      onCompromised: () => undefined,
    });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ELOCKED') return undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VhostError('ERR_LOCK_FAILED', `cannot lock ${lockfile}: ${reason}`, {
      info: { path: lockfile },
      cause,
    });
  }
  try {
    return { value: await work() };
  } finally {
    await release().catch(() => undefined);
  }
}

const STALE_MS = 30_000;

// Keeps a log file within bounds: the full one is renamed, and so are those before it; the oldest one goes.
import { rename, rm } from 'node:fs/promises';

/** Bounds of a log file. */
export interface LogRotation {
  /** A file that would grow beyond this is rotated. */
  readonly maxBytes: number;
  /** Files that are kept beside the one that is written to: `FILE.1`, the newest, to `FILE.N`. */
  readonly keepCount: number;
}

/**
 * Rotates a file, unless it is no longer the one that is meant: during an upgrade two masters write to the same one.
 * Rejects with the system's error, and with ELOCKED where another master takes seconds; a file that is not there is none.
 */
export async function rotate(
  file: string,
  { keepCount }: LogRotation,
  isMeant: () => Promise<boolean>,
): Promise<void> {
  // Few masters ever come here, and it takes as long to load as a tenth of a master.
  const { lock } = await import('proper-lockfile');
  const release = await lock(file, LOCK_OPTIONS);
  try {
    if (!(await isMeant())) return;
    for (let number = keepCount; number > 0; number--) {
      const from = number === 1 ? file : `${file}.${number - 1}`;
      await rename(from, `${file}.${number}`).catch(rethrowUnlessMissing);
    }
  } finally {
    await release().catch(() => undefined);
  }
}

/** Removes all but the file itself. */
export async function removeRotated(file: string, { keepCount }: LogRotation): Promise<void> {
  for (let number = keepCount; number > 0; number--) await rm(`${file}.${number}`, { force: true });
}

function rethrowUnlessMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

const LOCK_OPTIONS = {
  // A log may be renamed at any time; its name is what is locked.
  realpath: false,
  retries: { retries: 100, minTimeout: 10, maxTimeout: 100 },
  // Of a master that died meanwhile, ms.
  stale: 10_000,
  onCompromised: () => undefined,
};

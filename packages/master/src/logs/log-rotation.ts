// Keeps a log file within bounds: the full one is renamed, and so are those before it; the oldest one goes.
import { rename } from 'node:fs/promises';

/** Bounds of a log file. */
export interface LogRotation {
  /** A file that would grow beyond this is rotated. */
  readonly maxBytes: number;
  /** Files that are kept beside the one that is written to: `FILE.1`, the newest, to `FILE.N`. */
  readonly keepCount: number;
}

/** Rejects with the system's error; a file that is not there is none. */
export async function rotate(file: string, { keepCount }: LogRotation): Promise<void> {
  for (let number = keepCount; number > 0; number--) {
    const from = number === 1 ? file : `${file}.${number - 1}`;
    await rename(from, `${file}.${number}`).catch(rethrowUnlessMissing);
  }
}

function rethrowUnlessMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

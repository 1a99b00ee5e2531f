// What tells a file or directory from another one that has its name later.
import { statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

/** That of the directory to which a path leads, the same whatever changes in it; undefined: none can be seen there. */
export function directoryMark(directory: string): string | undefined {
  const found = statOf(directory);
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/** That of the file to which a path leads, another one when it was written to; undefined: none can be seen there. */
export function fileMark(file: string): string | undefined {
  const found = statOf(file);
  return found === undefined ? undefined : `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}`;
}

function statOf(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

// A directory that must be this user's alone: it is made with mode 0700, or left as it is and refused.
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import type { ErrorCode } from '@vhostd/protocol';

/** Which directory it is, for messages, and how it is refused. */
export interface DirectoryUse {
  /** For instance `run directory`. */
  readonly what: string;
  readonly unsafe: ErrorCode;
  readonly failed: ErrorCode;
  /** Why its content is not as it should be. */
  whyForeign?(directory: string): string | undefined;
}

/**
 * Creates the directory, and what is missing above it.
 * @throws {VhostError} `unsafe` (another's, writable by others, a symbolic link, no directory, foreign content), `failed`.
 */
export function createOwnDirectory(directory: string, use: DirectoryUse): void {
  const { what, unsafe } = use;
  let made: boolean;
  let status: Stats;
  try {
    made = makeDirectory(directory);
    status = lstatSync(directory);
  } catch (error) {
    throw failedTo(directory, use, error);
  }
  const reason = whyUnsafe(status) ?? use.whyForeign?.(directory);
  if (reason !== undefined) {
    throw new VhostError(unsafe, `the ${what} ${directory} is not safe: ${reason}`, {
      info: { path: directory, uid: status.uid, mode: (status.mode & 0o7777).toString(8).padStart(4, '0') },
    });
  }
  // The umask may have taken bits away.
  if (made && (status.mode & 0o777) !== 0o700) chmodSync(directory, 0o700);
}

/**
 * False if it was there. Not mkdir's `recursive`: where a directory exists that takes no entries (/proc), Node 20 to 26
 * try for ever. Another starter may create the same directories at the same time.
 */
function makeDirectory(directory: string): boolean {
  const parent = path.dirname(directory);
  const first = codeOfMkdir(directory);
  if (first !== 'ENOENT') return first === 'made';
  if (parent !== directory) makeDirectory(parent);
  const second = codeOfMkdir(directory);
  if (second === 'ENOENT') throw new Error(`mkdir ${directory}: ${second}`);
  return second === 'made';
}

/** ENOENT: what is above it is missing or takes no entries. */
function codeOfMkdir(directory: string): 'made' | 'EEXIST' | 'ENOENT' {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return 'made';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST' || code === 'ENOENT') return code;
    throw error;
  }
}

/** Why it is not this user's alone. */
export function whyUnsafe(status: Stats): string | undefined {
  if (status.isSymbolicLink()) return 'it is a symbolic link; name the directory itself';
  if (!status.isDirectory()) return 'it is not a directory';
  const uid = process.getuid?.();
  if (uid !== undefined && status.uid !== uid)
    return `it belongs to uid ${status.uid}, this process is uid ${uid}`;
  if ((status.mode & 0o022) !== 0)
    return 'its group or others may write to it; chmod it to 0700 if its content can be trusted';
  return undefined;
}

function failedTo(directory: string, { what, failed }: DirectoryUse, cause: unknown): VhostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VhostError(failed, `cannot create the ${what} ${directory}: ${reason}`, {
    info: { path: directory },
    cause,
  });
}

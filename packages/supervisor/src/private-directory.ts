// A directory whose files decide which process is signalled: nobody but this user may put something there.
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';

/**
 * Makes a directory with mode 0700, whatever the umask is, and what is missing above it. One that exists is never
 * changed; it must be as {@link isPrivateDirectory} demands.
 *
 * @throws {VhostError} ERR_RUN_DIR_UNSAFE; ERR_RUN_DIR_FAILED: it cannot be made.
 */
export function makePrivateDirectory(directory: string): void {
  try {
    makeDirectory(directory);
  } catch (cause) {
    throw failed(directory, cause);
  }
  if (!isPrivateDirectory(directory)) throw failed(directory, new Error('it was removed at once'));
}

/**
 * Whether there is a directory that belongs to this user and that nobody else may write to; false if there is nothing.
 * The directories above it are not checked: whoever may rename it can replace it.
 *
 * @throws {VhostError} ERR_RUN_DIR_UNSAFE: another user's, writable by others, a symbolic link, no directory.
 */
export function isPrivateDirectory(directory: string): boolean {
  const status = lstatSync(directory, { throwIfNoEntry: false });
  if (status === undefined) return false;
  const reason = whyUnsafe(status);
  if (reason === undefined) return true;
  throw new VhostError('ERR_RUN_DIR_UNSAFE', `the directory ${directory} is not safe: ${reason}`, {
    info: { path: directory, uid: status.uid, mode: (status.mode & 0o7777).toString(8).padStart(4, '0') },
  });
}

/**
 * Not mkdir's `recursive`: where a directory exists that takes no entries (/proc), Node 20 to 26 try for ever. Another
 * process may make the same directories at the same time.
 */
function makeDirectory(directory: string): void {
  if (tryMkdir(directory) !== 'missing-parent') return;
  const parent = path.dirname(directory);
  if (parent !== directory) makeDirectory(parent);
  if (tryMkdir(directory) === 'missing-parent') throw new Error(`mkdir ${directory}: ENOENT`);
}

function tryMkdir(directory: string): 'made' | 'exists' | 'missing-parent' {
  try {
    mkdirSync(directory, { mode: 0o700 });
    // The umask may have taken bits.
    chmodSync(directory, 0o700);
    return 'made';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return 'exists';
    // Also what a directory says that takes no entries.
    if (code === 'ENOENT') return 'missing-parent';
    throw error;
  }
}

function whyUnsafe(status: Stats): string | undefined {
  if (status.isSymbolicLink()) return 'it is a symbolic link; name the directory itself';
  if (!status.isDirectory()) return 'it is not a directory';
  const uid = process.geteuid?.();
  if (uid !== undefined && status.uid !== uid)
    return `it belongs to uid ${status.uid}, this process is uid ${uid}; name a directory of this user`;
  if ((status.mode & 0o022) !== 0)
    return 'its group or others may write to it; chmod it to 0700 if its content can be trusted';
  return undefined;
}

function failed(directory: string, cause: unknown): VhostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VhostError('ERR_RUN_DIR_FAILED', `cannot make the directory ${directory}: ${reason}`, {
    info: { path: directory },
    cause,
  });
}

// Files that appear with their whole content, or stay as they were. Some lie in directories of users that are not trusted:
// nothing that they put there is followed, waited for or read without end.
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** What a file is to be beside its text. */
export interface WholeFileOptions {
  /** Default: 0o600. The umask takes nothing of it. */
  readonly mode?: number;
  /** Whose it is to be; default: this process's user and group. Both, or none. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Called once the text is on the disk, before it takes the place of the file that is there. */
  readonly onWritten?: () => void;
}

/**
 * Puts a file in the place of the one before, if there was any, so that whoever reads it at any instant, through any crash,
 * finds the old text or the new one. One writer at a time. Whatever fails, a full disk too, leaves the old one as it was,
 * and nothing beside it.
 * @throws {Error} the system's.
 */
export function writeWhole(
  file: string,
  text: string,
  { mode = 0o600, uid, gid, onWritten }: WholeFileOptions = {},
): void {
  const draft = `${file}.next`;
  // Of a process that was killed, or put there by somebody.
  rmSync(draft, { force: true });
  const fd = openSync(draft, CREATE, mode);
  try {
    try {
      // All of it, or an error: a disk that is nearly full takes a part.
      writeFileSync(fd, text);
      // The umask may have taken bits.
      fchmodSync(fd, mode);
      if (uid !== undefined && gid !== undefined) fchownSync(fd, uid, gid);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    onWritten?.();
    renameSync(draft, file);
  } catch (error) {
    discard(draft);
    throw error;
  }
  syncDirectory(dirname(file));
}

/** Undefined where there is no file. @throws {Error} it can't be read, is no file, or is longer than any of ours. */
export function readWhole(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, READ);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile() || status.size > MAX_BYTES) throw new Error(`${file} is not what was written there`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function discard(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {
    // The next one that is written takes its place.
  }
}

/** Makes the rename itself last; some file systems can't and need not. */
function syncDirectory(directory: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    fsyncSync(fd);
  } catch {
    // The text is whole either way.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAX_BYTES = 1024 * 1024;

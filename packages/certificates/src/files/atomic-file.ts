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

/** Whose a file is to be. */
export interface FileOwner {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** Puts a file in the place of the one before, if there was any. */
export function writeWhole(file: string, text: string, mode: number, { uid, gid }: FileOwner = {}): void {
  const draft = `${file}.next`;
  // Of a process that was killed, or put there by somebody.
  rmSync(draft, { force: true });
  const fd = openSync(draft, CREATE, mode);
  try {
    writeFileSync(fd, text);
    // The umask may have taken bits.
    fchmodSync(fd, mode);
    if (uid !== undefined && gid !== undefined) fchownSync(fd, uid, gid);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, file);
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

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAX_BYTES = 1024 * 1024;

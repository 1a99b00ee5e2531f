// A process's PID file. Its first line is the bare pid for shell tools; the rest tells a later process with the
// same pid from this one.
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { isSame, readIdentity } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** What lies at the path of a PID file. */
export type PidFileContent =
  | { kind: 'none' }
  | { kind: 'identity'; identity: ProcessIdentity }
  /** A file of this user with anything else in it than what this module writes. */
  | { kind: 'garbage' }
  /** Something that this user's programs did not put there; it must neither be believed nor replaced. */
  | { kind: 'unsafe'; reason: string };

/**
 * Writes the PID file, whole or not at all: whoever reads it at any instant, through any crash, sees the old
 * content or the new. Mode 0644: the directory decides who may look. Throws the system's error.
 */
export function writePidFile(file: string, identity: ProcessIdentity): void {
  const temporary = writeTemporary(file, identity);
  renameSync(temporary, file);
  syncDirectory(path.dirname(file));
}

/**
 * Writes the PID file as {@link writePidFile} does, and replaces none: false if there is one, which then stays as it
 * is. Of any number of processes that try at once exactly one succeeds. A file system without hard links cannot tell;
 * there an existing file is replaced. Throws the system's error.
 */
export function createPidFile(file: string, identity: ProcessIdentity): boolean {
  const temporary = writeTemporary(file, identity);
  try {
    linkSync(temporary, file);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    if (!WITHOUT_LINKS.has(code)) throw error;
    renameSync(temporary, file);
  } finally {
    remove(temporary);
  }
  syncDirectory(path.dirname(file));
  return true;
}

/**
 * Whom the file names; undefined if there is no file, or anything else in it than what this module writes. It waits for
 * nobody, and for no more bytes than there may be: a named pipe, a device or a huge file in its place is none.
 */
export function readPidFile(file: string): ProcessIdentity | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return parse(readBeginning(descriptor));
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * Looks at a file that this process may be about to act on: follows no symbolic link, waits for no pipe, and believes
 * only a regular file of this process's own user. Throws the system's error where the file cannot be read.
 */
export function inspectPidFile(file: string): PidFileContent {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return { kind: 'none' };
    // open(2): what O_NOFOLLOW says of a symbolic link, and any open of a socket
    if (code === 'ELOOP') return { kind: 'unsafe', reason: 'it is a symbolic link' };
    if (code === 'ENXIO') return { kind: 'unsafe', reason: 'it is not a regular file' };
    if (code === 'EACCES') return { kind: 'unsafe', reason: 'this user may not read it' };
    throw error;
  }
  try {
    const { uid, size, isFile } = look(descriptor);
    if (!isFile) return { kind: 'unsafe', reason: 'it is not a regular file' };
    const self = process.geteuid?.();
    if (self !== undefined && uid !== self)
      return { kind: 'unsafe', reason: `it belongs to uid ${uid}, this process is uid ${self}` };
    if (size > MAX_BYTES) return { kind: 'garbage' };
    const identity = parse(readBeginning(descriptor));
    return identity === undefined ? { kind: 'garbage' } : { kind: 'identity', identity };
  } finally {
    closeSync(descriptor);
  }
}

/** Removes the file if it names this very process; false if it names another or nobody. Never throws. */
export function removePidFile(file: string, owner: ProcessIdentity): boolean {
  const found = readPidFile(file);
  return found !== undefined && isSame(found, owner) && remove(file);
}

/** The start time and the boot id are empty on a system that does not tell them. */
const CONTENT = /^([1-9]\d{0,9})\n(\d*)\n([\da-f-]*)\n$/u;
const TEMPORARY = '.tmp';
/** More than any content that this module writes. */
const MAX_BYTES = 4_096;
/** What link(2) says on file systems without hard links. */
const WITHOUT_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

function parse(text: string): ProcessIdentity | undefined {
  const [, pid, startTime, bootId] = CONTENT.exec(text) ?? [];
  if (pid === undefined || startTime === undefined || bootId === undefined) return undefined;
  return { pid: Number(pid), startTime, bootId };
}

/** As much as there may be, and a byte more. */
function readBeginning(descriptor: number): string {
  const bytes = Buffer.alloc(MAX_BYTES + 1);
  return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0));
}

function writeTemporary(file: string, identity: ProcessIdentity): string {
  for (const left of abandoned(file)) remove(left);
  const temporary = `${file}.${process.pid}${TEMPORARY}`;
  const descriptor = openSync(temporary, 'wx', 0o644);
  try {
    // All of it, or an error: a disk that is nearly full takes a part.
    writeFileSync(descriptor, `${identity.pid}\n${identity.startTime}\n${identity.bootId}\n`);
    fsyncSync(descriptor);
  } catch (error) {
    remove(temporary);
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return temporary;
}

/** What writers left that were killed between open and rename. A writer is named by its pid alone. */
function abandoned(file: string): string[] {
  const directory = path.dirname(file);
  const prefix = `${path.basename(file)}.`;
  return readdirSync(directory)
    .filter((name) => {
      if (!name.startsWith(prefix) || !name.endsWith(TEMPORARY)) return false;
      const writer = name.slice(prefix.length, -TEMPORARY.length);
      // Whatever else stands there belongs to the PID file of a longer name.
      if (!/^[1-9]\d*$/u.test(writer)) return false;
      return Number(writer) === process.pid || readIdentity(Number(writer)) === undefined;
    })
    .map((name) => path.join(directory, name));
}

function look(descriptor: number): { uid: number; size: number; isFile: boolean } {
  const status = fstatSync(descriptor);
  return { uid: status.uid, size: status.size, isFile: status.isFile() };
}

/** False if it could not be removed; another starter may have been first. */
function remove(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Makes the rename itself last; some file systems cannot and need not. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } catch {
    // The content is whole either way.
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

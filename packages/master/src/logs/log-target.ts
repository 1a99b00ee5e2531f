// What a log is written to: a file, opened for appending with the directories above it, or a descriptor that is open.
import { close, constants, fstat, ftruncate, mkdir, mkdirSync, open, openSync, stat, write } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { openSiteFile } from '../node/site-file.js';
import type { SiteUser } from '../node/site-file.js';

/** Something open that takes bytes. All of it rejects with the system's error. */
export interface LogTarget {
  readonly fd: number;
  /** Resolves with how many of the bytes were written, from the first on. */
  write(bytes: Buffer): Promise<number>;
  /** Whether nobody can find it any more by a name. */
  isDeleted(): Promise<boolean>;
  /** How large it is, and when it was written to last. */
  extent(): Promise<{ bytes: number; writtenMs: number }>;
  /** Whether the name leads to it still: another process may have renamed it. */
  isNamed(): Promise<boolean>;
  /** Removes what is in it; of what is no regular file, nothing. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a target, again and again if need be. */
export interface LogSource {
  open(): Promise<LogTarget>;
  /** The same for a process that is exiting; throws the system's error. */
  openSync(): number;
}

/** Modes of what is created. */
export interface FileModes {
  readonly mode: number;
  readonly directoryMode: number;
}

/** A file, created with the directories above it. */
export function fileSource(file: string, modes: FileModes): LogSource {
  return {
    async open() {
      return toTarget(await openFile(file, modes), file);
    },
    openSync: () => openFileSync(file, modes),
  };
}

/** The same for a site with a user of its own, who can change what its directories lead to. */
export function siteFileSource(file: string, mode: number, user: SiteUser): LogSource {
  return {
    open: async () => toTarget(await openSiteFile(file, { append: true, mode }, user), file),
    openSync() {
      // What is written at the end of the process goes to files that are open.
      throw new Error(`${file} is not open`);
    },
  };
}

/** A descriptor that stays open: standard error. */
export function descriptorSource(fd: number): LogSource {
  const target = {
    ...toTarget(fd, ''),
    isDeleted: async () => false,
    isNamed: async () => true,
    empty: async () => {},
    close: async () => {},
  };
  return { open: async () => target, openSync: () => fd };
}

function toTarget(fd: number, file: string): LogTarget {
  return {
    fd,
    write: async (bytes) => (await writeBytes(fd, bytes)).bytesWritten,
    isDeleted: async () => (await statFd(fd)).nlink === 0,
    extent: async () => {
      const { size, mtimeMs } = await statFd(fd);
      return { bytes: size, writtenMs: mtimeMs };
    },
    isNamed: async () => {
      const [own, named] = await Promise.all([statFd(fd), statFile(file).catch(() => undefined)]);
      return own.ino === named?.ino && own.dev === named.dev;
    },
    empty: async () => {
      if ((await statFd(fd)).isFile()) await truncateFd(fd, 0);
    },
    close: () => closeFd(fd),
  };
}

const openFd = promisify(open);
const writeBytes = promisify(write);
const statFd = promisify(fstat);
const statFile = promisify(stat);
const closeFd = promisify(close);
const truncateFd = promisify(ftruncate);
const makeOne = promisify(mkdir);

/** Non-blocking, so that a named pipe without a reader fails with ENXIO instead of holding a thread for ever. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

async function openFile(file: string, { mode, directoryMode }: FileModes): Promise<number> {
  try {
    return await openFd(file, FLAGS, mode);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await makeDirectory(path.dirname(file), directoryMode);
  return openFd(file, FLAGS, mode);
}

function openFileSync(file: string, { mode, directoryMode }: FileModes): number {
  try {
    return openSync(file, FLAGS, mode);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  makeDirectorySync(path.dirname(file), directoryMode);
  return openSync(file, FLAGS, mode);
}

/** Not mkdir's `recursive`: where a directory exists that takes no entries (/proc), Node 20 to 26 try for ever. */
async function makeDirectory(directory: string, mode: number): Promise<void> {
  try {
    await makeOne(directory, mode);
  } catch (error) {
    if (isFound(error)) return;
    const parent = path.dirname(directory);
    if (!isMissing(error) || parent === directory) throw error;
    await makeDirectory(parent, mode);
    await makeOne(directory, mode).catch(rethrowUnlessFound);
  }
}

function makeDirectorySync(directory: string, mode: number): void {
  try {
    mkdirSync(directory, mode);
  } catch (error) {
    if (isFound(error)) return;
    const parent = path.dirname(directory);
    if (!isMissing(error) || parent === directory) throw error;
    makeDirectorySync(parent, mode);
    try {
      mkdirSync(directory, mode);
    } catch (again) {
      rethrowUnlessFound(again);
    }
  }
}

function rethrowUnlessFound(error: unknown): void {
  if (!isFound(error)) throw error;
}

function isFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

// What a log is written to: a file, opened for appending with the directories above it, or a descriptor that is open.
import { close, constants, fstat, mkdir, mkdirSync, open, openSync, write } from 'node:fs';
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
  close(): Promise<void>;
}

/** Opens a target, again and again if need be. */
export interface LogSource {
  open(): Promise<LogTarget>;
  /** The same for a process that is exiting; throws the system's error. */
  openSync(): number;
}

/** A file, created with the directories above it. */
export function fileSource(file: string, mode: number): LogSource {
  return {
    async open() {
      return toTarget(await openFile(file, mode));
    },
    openSync: () => openFileSync(file, mode),
  };
}

/** The same for a site with a user of its own, who can change what its directories lead to. */
export function siteFileSource(file: string, mode: number, user: SiteUser): LogSource {
  return {
    open: async () => toTarget(await openSiteFile(file, { append: true, mode }, user)),
    openSync() {
      // What is written at the end of the process goes to files that are open.
      throw new Error(`${file} is not open`);
    },
  };
}

/** A descriptor that stays open: standard error. */
export function descriptorSource(fd: number): LogSource {
  const target = { ...toTarget(fd), isDeleted: async () => false, close: async () => {} };
  return { open: async () => target, openSync: () => fd };
}

function toTarget(fd: number): LogTarget {
  return {
    fd,
    write: async (bytes) => (await writeBytes(fd, bytes)).bytesWritten,
    isDeleted: async () => (await statFd(fd)).nlink === 0,
    close: () => closeFd(fd),
  };
}

const openFd = promisify(open);
const writeBytes = promisify(write);
const statFd = promisify(fstat);
const closeFd = promisify(close);
const makeOne = promisify(mkdir);

/** Non-blocking, so that a named pipe without a reader fails with ENXIO instead of holding a thread for ever. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

async function openFile(file: string, mode: number): Promise<number> {
  try {
    return await openFd(file, FLAGS, mode);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await makeDirectory(path.dirname(file));
  return openFd(file, FLAGS, mode);
}

function openFileSync(file: string, mode: number): number {
  try {
    return openSync(file, FLAGS, mode);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  makeDirectorySync(path.dirname(file));
  return openSync(file, FLAGS, mode);
}

/** Not mkdir's `recursive`: where a directory exists that takes no entries (/proc), Node 20 to 26 try for ever. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await makeOne(directory);
  } catch (error) {
    if (isFound(error)) return;
    const parent = path.dirname(directory);
    if (!isMissing(error) || parent === directory) throw error;
    await makeDirectory(parent);
    await makeOne(directory).catch(rethrowUnlessFound);
  }
}

function makeDirectorySync(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (isFound(error)) return;
    const parent = path.dirname(directory);
    if (!isMissing(error) || parent === directory) throw error;
    makeDirectorySync(parent);
    try {
      mkdirSync(directory);
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

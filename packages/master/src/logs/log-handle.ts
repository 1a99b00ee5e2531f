// Opens a log file for appending, with the directories above it.
import { constants, mkdirSync, openSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Non-blocking, so that a named pipe without a reader fails with ENXIO instead of holding a thread for ever. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** Opens or creates the file; rejects with the system's error. */
export async function openLog(file: string, mode: number): Promise<FileHandle> {
  try {
    return await open(file, FLAGS, mode);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await makeDirectory(path.dirname(file));
  return open(file, FLAGS, mode);
}

/** The same for a process that is exiting. */
export function openLogSync(file: string, mode: number): number {
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
    await mkdir(directory);
  } catch (error) {
    if (isFound(error)) return;
    const parent = path.dirname(directory);
    if (!isMissing(error) || parent === directory) throw error;
    await makeDirectory(parent);
    await mkdir(directory).catch(rethrowUnlessFound);
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

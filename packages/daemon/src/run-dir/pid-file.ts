// The daemon's PID file. Its first line is the bare pid for shell tools; the rest tells a later process with the
// same pid from the daemon.
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';

/**
 * Writes the PID file, whole or not at all: whoever reads it at any instant, through any crash, sees the old
 * content or the new. Mode 0644: the directory decides who may look. Throws the system's error.
 */
export function writePidFile(file: string, identity: ProcessIdentity): void {
  removeLeftovers(file);
  const temporary = `${file}.${process.pid}${TEMPORARY}`;
  const descriptor = openSync(temporary, 'w', 0o644);
  try {
    writeSync(descriptor, `${identity.pid}\n${identity.startTime}\n${identity.bootId}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  syncDirectory(path.dirname(file));
}

/** Whom the file names; undefined if there is no file, or anything else in it than what this module writes. */
export function readPidFile(file: string): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const [, pid, startTime, bootId] = CONTENT.exec(text) ?? [];
  if (pid === undefined || startTime === undefined || bootId === undefined) return undefined;
  return { pid: Number(pid), startTime, bootId };
}

/** Removes the file if it names this very process; false if it names another or nobody. Never throws. */
export function removePidFile(file: string, owner: ProcessIdentity): boolean {
  const found = readPidFile(file);
  if (found?.pid !== owner.pid || found.startTime !== owner.startTime || found.bootId !== owner.bootId)
    return false;
  try {
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

/** The start time and the boot id are empty on a system that does not tell them. */
const CONTENT = /^([1-9]\d{0,9})\n(\d*)\n([\da-f-]*)\n$/u;
const TEMPORARY = '.tmp';

/** Removes what writers left that were killed between open and rename. */
function removeLeftovers(file: string): void {
  const directory = path.dirname(file);
  const prefix = `${path.basename(file)}.`;
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(prefix) || !name.endsWith(TEMPORARY)) continue;
    const writer = Number(name.slice(prefix.length, -TEMPORARY.length));
    if (writer !== process.pid && readIdentity(writer) !== undefined) continue;
    try {
      unlinkSync(path.join(directory, name));
    } catch {
      // Another starter removed it first.
    }
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

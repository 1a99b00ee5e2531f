// The log of a daemon in the background: a file to which daemon and master write by descriptor, so that nobody can begin
// another one for them. It is copied and emptied.
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

/** Where `vhostd start` has the log of the daemon that it starts. */
export function backgroundDirectory(stateDir: string): string {
  return path.join(stateDir, 'background');
}

/**
 * Keeps standard error within bounds, from now on, where it is the log of a daemon in the background: at 10 MiB what it
 * holds goes to `FILE.1`, and three such files are kept. A file that somebody else has made is left to them.
 */
export function boundBackgroundLog(stateDir: string): void {
  const file = path.join(backgroundDirectory(stateDir), 'vhostd.err.log');
  const look = (): void => {
    try {
      if (isFile(STANDARD_ERROR, file)) boundLog(STANDARD_ERROR, file, MAX_BYTES);
    } catch {
      // A disk that is full may have room at the next look.
    }
  };
  look();
  setInterval(look, LOOK_MS).unref();
}

/**
 * Copies a file that holds more to `FILE.1`, and empties it. A line that another process writes between the last read and
 * the emptying is lost: some microseconds in as long as 10 MiB of lines take. @throws {Error} the system's.
 */
export function boundLog(descriptor: number, file: string, maxBytes: number): void {
  if (fstatSync(descriptor).size <= maxBytes) return;
  const unfinished = `${file}.new`;
  const source = openSync(file, 'r');
  try {
    const copy = openSync(unfinished, 'w', 0o600);
    try {
      copyRest(source, copy);
      for (let number = KEPT_COUNT; number > 1; number--) {
        renameIfThere(`${file}.${number - 1}`, `${file}.${number}`);
      }
      renameSync(unfinished, `${file}.1`);
      copyRest(source, copy);
      ftruncateSync(descriptor);
    } finally {
      closeSync(copy);
    }
  } finally {
    closeSync(source);
  }
}

function copyRest(source: number, copy: number): void {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let count = readSync(source, buffer); count > 0; count = readSync(source, buffer)) {
    for (let done = 0; done < count;) done += writeSync(copy, buffer, done, count - done);
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

function isFile(descriptor: number, file: string): boolean {
  const [open, named] = [fstatSync(descriptor), statSync(file)];
  return open.ino === named.ino && open.dev === named.dev;
}

const STANDARD_ERROR = 2;
const MAX_BYTES = 10 * 1024 * 1024;
const KEPT_COUNT = 3;
const LOOK_MS = 10_000;
const CHUNK_BYTES = 1024 * 1024;

// One log file, with those that it was rotated to: its lines from the end back, and those that come.
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export class LogTail {
  readonly #file: string;
  #fd: number | undefined;
  /** Behind the last line that was complete when it was looked. */
  #offset = 0;

  /** Opens the file; one that is not there has no lines yet. @throws {Error} the system's, such as EACCES. */
  constructor(file: string) {
    this.#file = file;
    this.#fd = openIfThere(file);
    if (this.#fd !== undefined) this.#offset = endOfLines(this.#fd);
  }

  /** The complete lines, the last one first, and then those of the files that were rotated, as they are read. */
  *back(): Generator<string> {
    if (this.#fd !== undefined) yield* linesBack(this.#fd, this.#offset);
    for (let number = 1; ; number++) {
      const fd = openIfThere(`${this.#file}.${number}`);
      if (fd === undefined) {
        const older = unpacked(`${this.#file}.${number}.gz`);
        if (older === undefined) return;
        yield* older.toReversed();
        continue;
      }
      try {
        yield* linesBack(fd, endOfLines(fd));
      } finally {
        closeSync(fd);
      }
    }
  }

  /** The lines that have been completed since, also where the file was rotated or made anew meanwhile. */
  more(): string[] {
    const lines = this.#readOn();
    if (this.#isNamed()) return lines;
    for (const file of this.#successors()) {
      const fd = openIfThere(file);
      if (fd === undefined) continue;
      this.close();
      this.#fd = fd;
      this.#offset = 0;
      lines.push(...this.#readOn());
    }
    return lines;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #readOn(): string[] {
    if (this.#fd === undefined) return [];
    const size = fstatSync(this.#fd).size;
    // Somebody has emptied it.
    if (size < this.#offset) this.#offset = 0;
    const lines: string[] = [];
    while (this.#offset < size) {
      const end = Math.min(size, this.#offset + READ_BYTES);
      const bytes = read(this.#fd, this.#offset, end);
      const last = bytes.lastIndexOf(NEWLINE);
      if (last === -1) break;
      lines.push(...bytes.toString('utf8', 0, last).split('\n'));
      this.#offset += last + 1;
    }
    return lines;
  }

  #isNamed(): boolean {
    const named = statSync(this.#file, { throwIfNoEntry: false });
    // Renamed, and nobody writes on yet.
    if (named === undefined) return true;
    return this.#fd !== undefined && fstatSync(this.#fd).ino === named.ino;
  }

  /** The files that came behind the open one, the oldest first. */
  #successors(): string[] {
    const names = [this.#file];
    const inode = this.#fd === undefined ? undefined : fstatSync(this.#fd).ino;
    for (let number = 1; ; number++) {
      const rotated = statSync(`${this.#file}.${number}`, { throwIfNoEntry: false });
      if (rotated === undefined) return [this.#file];
      if (rotated.ino === inode) return names.toReversed();
      names.push(`${this.#file}.${number}`);
    }
  }
}

/** The lines of a file that was compressed; undefined where there is none. */
function unpacked(file: string): string[] | undefined {
  try {
    return gunzipSync(readFileSync(file)).toString().split('\n').slice(0, -1);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function* linesBack(fd: number, end: number): Generator<string> {
  let rest: Buffer = Buffer.alloc(0);
  let at = end;
  while (at > 0) {
    const start = Math.max(0, at - BLOCK_BYTES);
    rest = Buffer.concat([read(fd, start, at), rest]);
    at = start;
    // The first line may have begun before.
    const first = start === 0 ? 0 : rest.indexOf(NEWLINE) + 1;
    if (first === 0 && start > 0) continue;
    const lines = rest.toString('utf8', first, rest.length - 1).split('\n');
    if (rest.length > first) yield* lines.toReversed();
    rest = rest.subarray(0, first);
  }
}

/** Where the last newline ends. */
function endOfLines(fd: number): number {
  for (let at = fstatSync(fd).size; at > 0;) {
    const start = Math.max(0, at - BLOCK_BYTES);
    const last = read(fd, start, at).lastIndexOf(NEWLINE);
    if (last !== -1) return start + last + 1;
    at = start;
  }
  return 0;
}

/** The bytes from `start` to `end`, or less where the file ends before. */
function read(fd: number, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(end - start);
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(fd, bytes, done, bytes.length - done, start + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

const NEWLINE = 0x0a;
const BLOCK_BYTES = 65_536;
/** More than the longest line. */
const READ_BYTES = 1_048_576;

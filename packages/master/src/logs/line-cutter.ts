// Makes whole lines of what a worker writes, so that lines of several workers never mix in one file. Pure.
import { giveRoom, takeRoom } from './rooms.js';

const NEWLINE = 0x0a;

/** Takes whole lines, to be read or copied before it returns: their memory is used again. */
export type TakeLines = (lines: Buffer) => void;

/** Keeps the unfinished end of one stream back until its line is complete or too long. */
export class LineCutter {
  readonly #maxLineBytes: number;
  /** Begins with the unfinished line. A line that never ends passes through it, a cut at a time. */
  #room: Buffer = NOTHING;
  #length = 0;

  /** @param maxLineBytes a longer line is cut into several of this length, at a character's boundary in UTF-8. */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Adds bytes; gives the lines that are complete now, each with its newline, in their order. */
  push(chunk: Buffer, take: TakeLines): void {
    let start = 0;
    if (this.#length > 0) {
      const newline = chunk.indexOf(NEWLINE);
      this.#extend(newline === -1 ? chunk : chunk.subarray(0, newline), take);
      if (newline === -1) return;
      this.#finish(take);
      start = newline + 1;
    }
    const end = Math.max(start, chunk.lastIndexOf(NEWLINE) + 1);
    if (end > start) this.#takeWhole(chunk.subarray(start, end), take);
    if (end < chunk.length) this.#extend(chunk.subarray(end), take);
    if (this.#length === 0) this.#letGo();
  }

  /** The stream has ended: gives its last line, which had no newline. */
  end(take: TakeLines): void {
    if (this.#length > 0) this.#finish(take);
    this.#letGo();
  }

  /** Gives whole lines, and of those that are too long the pieces. */
  #takeWhole(lines: Buffer, take: TakeLines): void {
    // No line can be too long if all of them together are not.
    if (lines.length <= this.#maxLineBytes + 1) return take(lines);
    let given = 0;
    let start = 0;
    for (let newline = lines.indexOf(NEWLINE); newline !== -1; newline = lines.indexOf(NEWLINE, start)) {
      if (newline - start > this.#maxLineBytes) {
        if (start > given) take(lines.subarray(given, start));
        this.#extend(lines.subarray(start, newline), take);
        this.#finish(take);
        given = newline + 1;
      }
      start = newline + 1;
    }
    if (lines.length > given) take(lines.subarray(given));
  }

  /** Adds bytes without a newline to the unfinished line, and gives what is too long of it. */
  #extend(bytes: Buffer, take: TakeLines): void {
    for (let at = 0; ;) {
      const count = Math.min(bytes.length - at, this.#maxLineBytes - this.#length);
      this.#reserve(this.#length + count + 1);
      bytes.copy(this.#room, this.#length, at, at + count);
      this.#length += count;
      at += count;
      if (at === bytes.length) return;
      this.#cut(bytes[at], take);
    }
  }

  /** Gives the unfinished line up to the last character that ends before the `next` byte, and keeps what is behind. */
  #cut(next: number | undefined, take: TakeLines): void {
    const end = isContinuation(next) ? characterStart(this.#room, this.#length) : this.#length;
    const rest = [...this.#room.subarray(end, this.#length)];
    this.#length = end;
    this.#finish(take);
    this.#room.set(rest);
    this.#length = rest.length;
  }

  #finish(take: TakeLines): void {
    this.#room[this.#length] = NEWLINE;
    take(this.#room.subarray(0, this.#length + 1));
    this.#length = 0;
  }

  /** Many workers wait in the middle of a short line, such as a question: it has room of its size. */
  #reserve(bytes: number): void {
    if (bytes <= this.#room.length) return;
    const larger =
      bytes > SHORT_BYTES
        ? takeRoom(Math.max(bytes, this.#maxLineBytes + 1))
        : Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#room.length));
    this.#room.copy(larger, 0, 0, this.#length);
    this.#letGo();
    this.#room = larger;
  }

  #letGo(): void {
    giveRoom(this.#room);
    this.#room = NOTHING;
  }
}

/** Where the character begins that the last bytes before `end` are of; `end` where they are no UTF-8, or nothing else. */
function characterStart(bytes: Buffer, end: number): number {
  for (let back = 1; back < CHARACTER_MAX_BYTES && end - back > 0; back += 1) {
    if (!isContinuation(bytes[end - back])) return end - back;
  }
  return end;
}

/** RFC 3629: continuation bytes are 10xxxxxx. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

const NOTHING: Buffer = Buffer.alloc(0);
const CHARACTER_MAX_BYTES = 4;
const SHORT_BYTES = 8192;

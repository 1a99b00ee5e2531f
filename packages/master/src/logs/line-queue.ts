// What waits to be written to a log file: whole lines, bounded in bytes, with an account of what did not fit. Pure.

import { giveRoom, takeRoom } from './rooms.js';

/** Lines that were lost. */
export interface Loss {
  bytes: number;
  lines: number;
}

const NEWLINE = 0x0a;

/** Whole lines, from `from` up to `end`; of the first ones what was written may end within a line. */
interface Piece {
  readonly bytes: Buffer;
  from: number;
  end: number;
}

/** A queue of lines. What does not fit is dropped and counted, and one line tells so where it would have been. */
export class LineQueue {
  readonly #maxBytes: number;
  readonly #notice: (loss: Loss) => string;
  readonly #lost: Loss = { bytes: 0, lines: 0 };
  #pieces: Piece[] = [];
  #bytes = 0;
  #unreported: Loss = { bytes: 0, lines: 0 };
  #atLineStart = true;

  /** @param notice the line, with its newline, that tells of a loss. */
  constructor(maxBytes: number, notice: (loss: Loss) => string) {
    this.#maxBytes = maxBytes;
    this.#notice = notice;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True if what was written last ended within a line. */
  get midLine(): boolean {
    return !this.#atLineStart;
  }

  /** All that was lost so far. */
  get lost(): Readonly<Loss> {
    return this.#lost;
  }

  /** Adds a copy of whole lines, each ended by a newline. False if there is no room: they are lost and counted. */
  push(lines: Buffer, maxBytes: number = this.#maxBytes): boolean {
    if (this.#bytes + lines.length > maxBytes) {
      this.lose(lines);
      return false;
    }
    this.reportLoss();
    this.#append(lines);
    return true;
  }

  /** Counts lines as lost that never come in. */
  lose(lines: Buffer): void {
    const count = countLines(lines);
    for (const loss of [this.#lost, this.#unreported]) {
      loss.bytes += lines.length;
      loss.lines += count;
    }
  }

  /** Adds the line that tells what was lost since it was last told; nothing if nothing was. */
  reportLoss(): void {
    if (this.#unreported.bytes === 0) return;
    const notice = Buffer.from(this.#notice(this.#unreported));
    this.#unreported = { bytes: 0, lines: 0 };
    this.#append(notice);
  }

  /** The next bytes to write; undefined if there are none. They stay until {@link advance}. */
  peek(): Buffer | undefined {
    const [first] = this.#pieces;
    return first?.bytes.subarray(first.from, first.end);
  }

  /** Takes off what was written, and is read by nobody any more. It may end within a line. */
  advance(bytes: number): void {
    this.#bytes -= bytes;
    for (let left = bytes; left > 0;) {
      const [first] = this.#pieces;
      if (first === undefined) return;
      const count = Math.min(left, first.end - first.from);
      left -= count;
      first.from += count;
      this.#atLineStart = first.bytes[first.from - 1] === NEWLINE;
      if (first.from < first.end) return;
      this.#pieces.shift();
      giveRoom(first.bytes);
    }
  }

  /** Takes off and gives all behind the first so many bytes, which may be on their way into the file. */
  takeBehind(bytes: number): Buffer {
    const all = Buffer.concat(this.#pieces.map(({ bytes: own, from, end }) => own.subarray(from, end)));
    this.#pieces = bytes === 0 ? [] : [{ bytes: all, from: 0, end: bytes }];
    this.#bytes = bytes;
    return all.subarray(bytes);
  }

  /** Adds what was taken by {@link takeBehind}, even if there is no room. */
  putBack(lines: Buffer): void {
    this.#append(lines);
  }

  /** Loses the rest of a line whose beginning went to a file that cannot be written to any more. */
  loseRestOfLine(): void {
    const first = this.peek();
    if (this.#atLineStart || first === undefined) return;
    const end = first.indexOf(NEWLINE) + 1;
    const rest = end === 0 ? first : first.subarray(0, end);
    this.lose(rest);
    this.advance(rest.length);
    this.#atLineStart = true;
  }

  /** Loses all that waits, the beginning of which may be on its way into the file. */
  loseAll(): void {
    for (const { bytes, from, end } of this.#pieces) this.lose(bytes.subarray(from, end));
    this.#pieces = [];
    this.#bytes = 0;
  }

  #append(lines: Buffer): void {
    if (lines.length === 0) return;
    const last = this.#pieces.at(-1);
    const room = last === undefined ? 0 : last.bytes.length - last.end;
    const piece =
      last !== undefined && lines.length <= room ? last : { bytes: takeRoom(lines.length), from: 0, end: 0 };
    lines.copy(piece.bytes, piece.end);
    piece.end += lines.length;
    if (piece !== last) this.#pieces.push(piece);
    this.#bytes += lines.length;
  }
}

function countLines(lines: Buffer): number {
  let count = 0;
  for (let at = lines.indexOf(NEWLINE); at !== -1; at = lines.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

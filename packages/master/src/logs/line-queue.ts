// What waits to be written to a log file: whole lines, bounded in bytes, with an account of what did not fit. Pure.

/** Lines that were lost. */
export interface Loss {
  bytes: number;
  lines: number;
}

const NEWLINE = 0x0a;

/** A queue of lines. What does not fit is dropped and counted, and one line tells so where it would have been. */
export class LineQueue {
  readonly #maxBytes: number;
  readonly #notice: (loss: Loss) => string;
  readonly #lost: Loss = { bytes: 0, lines: 0 };
  #items: Buffer[] = [];
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

  /** Adds whole lines, each ended by a newline. False if there is no room: they are lost and counted. */
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

  /** The next bytes to write, about so many at most; undefined if there are none. They stay until {@link advance}. */
  peek(maxBytes: number): Buffer | undefined {
    let count = 0;
    let bytes = 0;
    for (const item of this.#items) {
      if (count > 0 && bytes + item.length > maxBytes) break;
      count++;
      bytes += item.length;
    }
    return count < 2 ? this.#items[0] : Buffer.concat(this.#items.slice(0, count), bytes);
  }

  /** Takes off what was written. It may end within a line. */
  advance(bytes: number): void {
    let left = bytes;
    let whole = 0;
    for (const item of this.#items) {
      if (left < item.length) break;
      left -= item.length;
      whole++;
    }
    if (whole > 0) this.#atLineStart = this.#items[whole - 1]?.at(-1) === NEWLINE;
    this.#items.splice(0, whole);
    const first = this.#items[0];
    if (left > 0 && first !== undefined) {
      this.#atLineStart = first[left - 1] === NEWLINE;
      this.#items[0] = first.subarray(left);
    }
    this.#bytes -= bytes;
  }

  /** Takes off and gives all behind the first so many bytes. */
  takeBehind(bytes: number): Buffer {
    const all = Buffer.concat(this.#items, this.#bytes);
    this.#items = bytes === 0 ? [] : [all.subarray(0, bytes)];
    this.#bytes = bytes;
    return all.subarray(bytes);
  }

  /** Adds what was taken by {@link takeBehind}, even if there is no room. */
  putBack(lines: Buffer): void {
    this.#append(lines);
  }

  /** Loses the rest of a line whose beginning went to a file that cannot be written to any more. */
  loseRestOfLine(): void {
    const first = this.#items[0];
    if (this.#atLineStart || first === undefined) return;
    const end = first.indexOf(NEWLINE) + 1;
    const rest = end === 0 ? first : first.subarray(0, end);
    this.lose(rest);
    this.advance(rest.length);
    this.#atLineStart = true;
  }

  /** Loses all that waits. */
  loseAll(): void {
    for (const item of this.#items) this.lose(item);
    this.#items = [];
    this.#bytes = 0;
  }

  #append(lines: Buffer): void {
    if (lines.length === 0) return;
    this.#items.push(lines);
    this.#bytes += lines.length;
  }
}

function countLines(lines: Buffer): number {
  let count = 0;
  for (let at = lines.indexOf(NEWLINE); at !== -1; at = lines.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

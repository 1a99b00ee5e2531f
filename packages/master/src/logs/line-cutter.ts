// Makes whole lines of what a worker writes, so that lines of several workers never mix in one file. Pure.

const NEWLINE = 0x0a;
const NEWLINE_BYTES = Buffer.from('\n');

/** Keeps the unfinished end of one stream back until its line is complete or too long. */
export class LineCutter {
  readonly #maxLineBytes: number;
  #parts: Buffer[] = [];
  #partsBytes = 0;

  /** @param maxLineBytes a longer line is cut into several of this length, at a character's boundary in UTF-8. */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Adds bytes; gives the lines that are complete now, each with its newline, in several pieces. They may be parts of what
   * was added.
   */
  push(chunk: Buffer): Buffer[] {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    // The line that was begun before is put together by itself, which spares all others a copy.
    const first = this.#partsBytes === 0 || end === 0 ? 0 : chunk.indexOf(NEWLINE) + 1;
    const pieces: Buffer[] = [];
    if (first > 0) pieces.push(this.#cutAll(this.#take(chunk.subarray(0, first))));
    if (end > first) pieces.push(this.#cutAll(chunk.subarray(first, end)));
    if (end < chunk.length) {
      // A copy: what is kept for long must not hold the whole chunk in memory.
      this.#parts.push(Buffer.from(chunk.subarray(end)));
      this.#partsBytes += chunk.length - end;
    }
    if (this.#partsBytes <= this.#maxLineBytes) return pieces;
    const { pieces: cut, rest } = this.#cut(this.#take());
    this.#parts = [rest];
    this.#partsBytes = rest.length;
    return [...pieces, Buffer.concat(cut)];
  }

  /** The stream has ended: gives its last line, which had no newline. */
  end(): Buffer | undefined {
    if (this.#partsBytes === 0) return undefined;
    return Buffer.concat([this.#take(), NEWLINE_BYTES]);
  }

  #take(last?: Buffer): Buffer {
    const parts = last === undefined ? this.#parts : [...this.#parts, last];
    this.#parts = [];
    this.#partsBytes = 0;
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }

  /** Cuts those of several whole lines that are too long. */
  #cutAll(lines: Buffer): Buffer {
    // No line can be too long if all of them together are not.
    if (lines.length <= this.#maxLineBytes + 1) return lines;
    const pieces: Buffer[] = [];
    let start = 0;
    for (let newline = lines.indexOf(NEWLINE); newline !== -1; newline = lines.indexOf(NEWLINE, start)) {
      if (newline - start > this.#maxLineBytes) {
        const { pieces: cut, rest } = this.#cut(lines.subarray(start, newline));
        pieces.push(...cut, rest, NEWLINE_BYTES);
      } else {
        pieces.push(lines.subarray(start, newline + 1));
      }
      start = newline + 1;
    }
    return Buffer.concat(pieces);
  }

  #cut(line: Buffer): { pieces: Buffer[]; rest: Buffer } {
    const pieces: Buffer[] = [];
    let start = 0;
    while (line.length - start > this.#maxLineBytes) {
      const end = characterBoundary(line, start + this.#maxLineBytes);
      pieces.push(line.subarray(start, end), NEWLINE_BYTES);
      start = end;
    }
    return { pieces, rest: line.subarray(start) };
  }
}

/** The last place up to `at` that is not within a UTF-8 character (RFC 3629: continuation bytes are 10xxxxxx). */
function characterBoundary(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4 && at - back > 0; back++) {
    const byte = bytes[at - back];
    if (byte !== undefined && (byte & 0xc0) !== 0x80) return back === at ? at : at - back;
  }
  return at;
}

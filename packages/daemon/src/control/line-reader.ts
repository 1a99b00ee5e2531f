// Cuts a byte stream into lines of bounded length: the framing of the control socket. Pure.

const NEWLINE = 0x0a;

/** Collects what arrives and gives whole lines. After {@link LineReader.overflowed} it takes nothing more. */
export class LineReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #overflowed = false;

  /** @param maxBytes the longest line, its newline not counted. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True once a line was longer than allowed. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Adds bytes; gives the lines that they complete, decoded as UTF-8, without newlines. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    while (!this.#overflowed && start < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, start);
      const part = chunk.subarray(start, newline === -1 ? chunk.length : newline);
      if (this.#partsBytes + part.length > this.#maxBytes) {
        this.#overflowed = true;
        this.#parts = [];
        break;
      }
      this.#parts.push(part);
      this.#partsBytes += part.length;
      if (newline === -1) break;
      lines.push(Buffer.concat(this.#parts, this.#partsBytes).toString('utf8'));
      this.#parts = [];
      this.#partsBytes = 0;
      start = newline + 1;
    }
    return lines;
  }
}

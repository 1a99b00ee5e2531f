// The beginning of a frame or line whose end has not come yet, in one buffer that grows: a peer that writes byte
// by byte costs no more memory than one that writes all at once.

export class GatheredBytes {
  #buffer: Buffer = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a copy of these bytes. */
  append(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
  }

  /** All bytes, which are the caller's from then on. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#buffer = EMPTY;
    this.#length = 0;
  }
}

const EMPTY = Buffer.alloc(0);

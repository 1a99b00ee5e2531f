// Random numbers that can be had again: each test prints its seed, and SEED=n repeats its run.

/** A stream of random numbers. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A seed from the environment variable SEED, else from the clock. */
  static seed(): number {
    const given = Number(process.env['SEED'] ?? Number.NaN);
    return Number.isInteger(given) ? given : Date.now() % 1_000_000;
  }

  /** 0 up to 1, 1 excluded (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer of `from` to `to`, both included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.integer(0, choices.length - 1)] ?? choices[0];
  }

  /** Bytes in which any that is lost, doubled or moved changes the hash. */
  bytes(count: number): Buffer {
    const from = this.integer(0, POOL_BYTES);
    if (count <= POOL_BYTES) return pool().subarray(from, from + count);
    return Buffer.concat([pool().subarray(from, from + POOL_BYTES), this.bytes(count - POOL_BYTES)]);
  }

  /** Cuts bytes into `count` pieces, none empty, at random places. */
  cut(bytes: Buffer, count: number): Buffer[] {
    const places = new Set<number>();
    const wanted = Math.min(count, bytes.length) - 1;
    while (places.size < wanted) places.add(this.integer(1, bytes.length - 1));
    const sorted = [...places].toSorted((a, b) => a - b);
    return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length));
  }
}

let filled: Buffer | undefined;

/** What bodies are cut out of, at random places: to make each anew would cost more than to send it. */
function pool(): Buffer {
  if (filled !== undefined) return filled;
  const random = new Random(1);
  const words = Uint32Array.from({ length: POOL_BYTES / 2 }, () => random.next() * 2 ** 32);
  filled = Buffer.from(words.buffer);
  return filled;
}

/** The longest piece of it; it is twice as long. */
const POOL_BYTES = 1 << 19;

// Work of which only so much is under way at the same time; what comes later waits for its turn, in order.
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(maxCount: number) {
    this.#free = maxCount;
  }

  /** Resolves or rejects as `work` does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

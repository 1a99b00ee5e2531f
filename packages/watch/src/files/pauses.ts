// Lets the process do something else while much is looked at.
import { setImmediate } from 'node:timers/promises';
import type { Os } from '@vhostd/supervisor';

export class Pauses {
  readonly #os: Os;
  #nextMs: number;

  constructor(os: Os) {
    this.#os = os;
    this.#nextMs = os.now() + SLICE_MS;
  }

  /** Resolves at once for a while, then with a turn of the event loop. */
  async perhaps(): Promise<void> {
    if (this.#os.now() < this.#nextMs) return;
    await setImmediate();
    this.#nextMs = this.#os.now() + SLICE_MS;
  }
}

/** For how long at a time, ms. */
const SLICE_MS = 10;

// Connections of a site that has no worker for them just now: held unread, in order, bounded in number and time.
import type { Connection } from '../ingress/connection.js';

export interface QueueLimits {
  /** Connections held at once. */
  maxCount: number;
  /** How long one is held, ms. */
  timeoutMs: number;
}

export class ConnectionQueue {
  readonly #onTimeout: (connection: Connection) => void;
  /** In the order of their deadlines. */
  #waiting: { connection: Connection; deadlineMs: number }[] = [];
  /** When each that was held is, or would have been, let go. */
  readonly #deadlines = new WeakMap<Connection, number>();
  #limits: QueueLimits;
  #timer: NodeJS.Timeout | undefined;

  /** `onTimeout` gets a connection, and its handle, when nobody came for it. */
  constructor(limits: QueueLimits, onTimeout: (connection: Connection) => void) {
    this.#limits = limits;
    this.#onTimeout = onTimeout;
  }

  get count(): number {
    return this.#waiting.length;
  }

  get full(): boolean {
    return this.#waiting.length >= this.#limits.maxCount;
  }

  setLimits(limits: QueueLimits): void {
    this.#limits = limits;
  }

  /** Sets limits and gives all that waits its time anew. What is more than they allow stays. */
  renew(limits: QueueLimits): void {
    this.#limits = limits;
    const deadlineMs = performance.now() + limits.timeoutMs;
    for (const waiting of this.#waiting) {
      waiting.deadlineMs = deadlineMs;
      this.#deadlines.set(waiting.connection, deadlineMs);
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule();
  }

  /**
   * Holds a connection; false when there is no room. With `again` its time goes on from when it was held first, and
   * false also means that its time is over.
   */
  park(connection: Connection, again = false): boolean {
    if (this.full) return false;
    const nowMs = performance.now();
    const before = again ? this.#deadlines.get(connection) : undefined;
    const deadlineMs = before ?? nowMs + this.#limits.timeoutMs;
    if (before !== undefined && before <= nowMs) return false;
    this.#deadlines.set(connection, deadlineMs);
    const later = before === undefined ? -1 : this.#waiting.findIndex((other) => other.deadlineMs > before);
    this.#waiting.splice(later === -1 ? this.#waiting.length : later, 0, { connection, deadlineMs });
    this.#schedule();
    return true;
  }

  /** Offers what waits, in order, until `take` refuses one. */
  release(take: (connection: Connection) => boolean): void {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      if (first === undefined || !take(first.connection)) return;
      this.#waiting.shift();
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Takes out, in order, what `dealtWith` says has been dealt with. */
  sift(dealtWith: (connection: Connection) => boolean): void {
    const waiting = this.#waiting.splice(0);
    this.#waiting.push(...waiting.filter(({ connection }) => !dealtWith(connection)));
  }

  /** Takes everything out. */
  empty(): Connection[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#waiting.splice(0).map(({ connection }) => connection);
  }

  #schedule(): void {
    const [first] = this.#waiting;
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const nowMs = performance.now();
        while (this.#waiting[0] !== undefined && this.#waiting[0].deadlineMs <= nowMs) {
          const late = this.#waiting.shift();
          if (late !== undefined) this.#onTimeout(late.connection);
        }
        this.#schedule();
      },
      Math.max(1, first.deadlineMs - performance.now()),
    );
    this.#timer.unref();
  }
}

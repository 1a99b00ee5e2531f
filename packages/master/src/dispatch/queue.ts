// Connections of a site that has no worker for them just now: held unread, in order, bounded in number and time.
import type { NativeHandle, PeerStanding } from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';
import { clientsOf } from '../node/raw-accept.js';

export interface QueueLimits {
  /** Connections held at once. */
  maxCount: number;
  /** How long one is held, ms. */
  timeoutMs: number;
}

/** Who gets the connections, and their handles, for which nobody came in time. */
export interface QueueOwner {
  /** It has waited for as long as it may. */
  onTimeout(connection: Connection): void;
  /** Its client has left. */
  onLeft(connection: Connection): void;
}

interface Waiting {
  readonly connection: Connection;
  deadlineMs: number;
  readonly sinceMs: number;
  /** Whether its client had nothing more to send when it began to wait: one that waits for its answer. */
  finished: boolean | undefined;
}

export class ConnectionQueue {
  readonly #owner: QueueOwner;
  readonly #standings: (handles: readonly NativeHandle[]) => PeerStanding[];
  /** In the order of their deadlines. */
  #waiting: Waiting[] = [];
  /** When each that was held is, or would have been, let go. */
  readonly #deadlines = new WeakMap<Connection, number>();
  #limits: QueueLimits;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;

  /** `standings` is replaced by tests. */
  constructor(limits: QueueLimits, owner: QueueOwner, standings: typeof clientsOf = clientsOf) {
    this.#limits = limits;
    this.#owner = owner;
    this.#standings = standings;
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
    if (this.full) this.dropLeft();
    if (this.full) return false;
    const nowMs = performance.now();
    const before = again ? this.#deadlines.get(connection) : undefined;
    const deadlineMs = before ?? nowMs + this.#limits.timeoutMs;
    if (before !== undefined && before <= nowMs) return false;
    this.#deadlines.set(connection, deadlineMs);
    const later = before === undefined ? -1 : this.#waiting.findIndex((other) => other.deadlineMs > before);
    const waiting = { connection, deadlineMs, sinceMs: nowMs, finished: undefined };
    this.#waiting.splice(later === -1 ? this.#waiting.length : later, 0, waiting);
    this.#schedule();
    this.#lookLater();
    return true;
  }

  /**
   * Ends those whose client has left: what it asked for is not to be run. One that said with its request that it will
   * send no more waits for its answer; one that says so later has left, as for nginx and Node's servers.
   */
  dropLeft(): void {
    if (this.#waiting.length === 0) return;
    const nowMs = performance.now();
    const standings = this.#standings(this.#waiting.map(({ connection }) => connection.handle));
    const left = new Set<Waiting>();
    for (const [index, waiting] of this.#waiting.entries()) {
      const standing = standings[index];
      if (standing === 'gone' || (standing === 'finished' && waiting.finished === false)) left.add(waiting);
      else if (nowMs - waiting.sinceMs >= FINISHED_MS) waiting.finished ??= standing === 'finished';
    }
    if (left.size === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !left.has(waiting));
    for (const { connection } of left) this.#owner.onLeft(connection);
  }

  /** Offers what waits, in order, until `take` refuses one. */
  release(take: (connection: Connection) => boolean): void {
    this.dropLeft();
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      if (first === undefined || !take(first.connection)) return;
      this.#waiting.shift();
    }
    this.#rest();
  }

  /** Takes out, in order, what `dealtWith` says has been dealt with. */
  sift(dealtWith: (connection: Connection) => boolean): void {
    const waiting = this.#waiting.splice(0);
    this.#waiting.push(...waiting.filter(({ connection }) => !dealtWith(connection)));
  }

  /** Takes everything out. */
  empty(): Connection[] {
    this.#rest();
    return this.#waiting.splice(0).map(({ connection }) => connection);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#look);
    this.#timer = undefined;
    this.#look = undefined;
  }

  #lookLater(): void {
    if (this.#look !== undefined || this.#waiting.length === 0) return;
    this.#look = setTimeout(() => {
      this.#look = undefined;
      this.dropLeft();
      this.#lookLater();
    }, LOOK_MS);
    this.#look.unref();
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
          if (late !== undefined) this.#owner.onTimeout(late.connection);
        }
        this.#schedule();
      },
      Math.max(1, first.deadlineMs - performance.now()),
    );
    this.#timer.unref();
  }
}

/** A client that sends its last byte and says so may say it in a second packet, ms. */
const FINISHED_MS = 20;
/** How often it is looked whether clients have left, ms. */
const LOOK_MS = 100;

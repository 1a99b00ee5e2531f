// Replaces single workers that are worn out or were sent SIGTERM, one at a time: the new process is published before
// the old one is withdrawn. Where the new one does not come up it is discarded, and the old one serves on until the
// next try.
import type { WireError } from '@vhostd/protocol';
import { Backoff, resolveBackoff } from '@vhostd/supervisor';
import type { Slot } from '../workers/slot.js';
import { wornOut } from '../workers/wear.js';

/** What recycling needs of the workers of a site. */
export interface RecyclingHost {
  /** Whether this worker may be replaced now. */
  replaceable(slot: Slot): boolean;
  /** A slot of the same place and generation, which has not been started. */
  successorOf(slot: Slot): Slot;
  /** Publishes the successor, then withdraws the old worker. */
  replace(old: Slot, successor: Slot): void;
  /** Ends a successor that is not wanted any more. */
  retire(successor: Slot): void;
  /** A replacement has begun or has failed. */
  onChange(): void;
}

export interface RecyclingOptions {
  /** Monotonic clock, ms. Default `performance.now`. */
  now?: () => number;
  /** Random numbers from 0 to below 1. Default `Math.random`. */
  random?: () => number;
}

interface Replacement {
  old: Slot;
  successor: Slot;
  why: string;
  settling?: NodeJS.Timeout;
}

/** When the worker of a place may be replaced again. */
interface Pause {
  backoff: Backoff;
  untilMs: number;
}

export class Recycling {
  readonly #host: RecyclingHost;
  readonly #options: Required<RecyclingOptions>;
  readonly #pauses = new Map<number, Pause>();
  readonly #ageShares = new WeakMap<Slot, number>();
  #replacement: Replacement | undefined;

  constructor(host: RecyclingHost, options: RecyclingOptions = {}) {
    this.#host = host;
    this.#options = { now: () => performance.now(), random: Math.random, ...options };
  }

  /** The new worker while it is not published. */
  get successor(): Slot | undefined {
    return this.#replacement?.successor;
  }

  /** A worker has told how it is: begins to replace it where it is worn out, or was sent SIGTERM. */
  onVitals(slot: Slot): void {
    if (this.#replacement !== undefined || !this.#host.replaceable(slot)) return;
    const why = this.#whyToEnd(slot);
    if (why === undefined || this.#options.now() < this.#pauseOf(slot).untilMs) return;
    const successor = this.#host.successorOf(slot);
    this.#replacement = { old: slot, successor, why };
    slot.remark = `${why}; being replaced`;
    successor.start();
    this.#host.onChange();
  }

  /** Whether it was the successor that is ready. */
  onReady(slot: Slot): boolean {
    const replacement = this.#replacement;
    if (replacement?.successor !== slot) return false;
    replacement.settling = setTimeout(() => this.#complete(replacement), slot.conf.settleTimeMs);
    return true;
  }

  /** Whether it was the successor that ended, which is discarded then. */
  onExit(slot: Slot, { message }: WireError): boolean {
    const replacement = this.#replacement;
    if (replacement?.successor !== slot) return false;
    const { old, why } = replacement;
    this.#discard(replacement);
    this.#pause(old, 0);
    old.outlive(slot, why, message);
    this.#host.onChange();
    return true;
  }

  /** Gives up the replacement of this worker, if it is being replaced. */
  cancel(old: Slot): void {
    const replacement = this.#replacement;
    if (replacement?.old !== old) return;
    old.remark = undefined;
    this.#discard(replacement);
  }

  /** Gives up what is under way, and forgets what has been: other workers follow. */
  reset(): void {
    if (this.#replacement !== undefined) this.cancel(this.#replacement.old);
    this.#pauses.clear();
  }

  #complete({ old, successor, why }: Replacement): void {
    this.#replacement = undefined;
    this.#pause(old, old.ageMs);
    old.remark = why;
    successor.succeed(old, why);
    this.#host.replace(old, successor);
  }

  #discard({ successor, settling }: Replacement): void {
    clearTimeout(settling);
    this.#replacement = undefined;
    this.#host.retire(successor);
  }

  /** A limit that every new worker is above at once must not make the site do nothing but boot. */
  #pause(slot: Slot, livedMs: number): void {
    const pause = this.#pauseOf(slot);
    pause.untilMs = this.#options.now() + pause.backoff.next(livedMs);
  }

  #pauseOf({ slot, conf }: Slot): Pause {
    let pause = this.#pauses.get(slot);
    if (pause === undefined) {
      const { backoffMinMs: baseMs, backoffMaxMs: capMs } = conf.restart;
      const backoff = new Backoff(resolveBackoff({ baseMs, capMs, resetAfterMs: 2 * capMs }));
      pause = { backoff, untilMs: 0 };
      this.#pauses.set(slot, pause);
    }
    return pause;
  }

  #whyToEnd(slot: Slot): string | undefined {
    const { vitals } = slot;
    if (slot.wantsToLeave !== undefined) return slot.wantsToLeave;
    if (vitals === undefined) return undefined;
    return wornOut({ ...vitals, ageMs: slot.ageMs, ageShare: this.#ageShareOf(slot) }, slot.conf);
  }

  #ageShareOf(slot: Slot): number {
    const share = this.#ageShares.get(slot) ?? 1 - AGE_JITTER * this.#options.random();
    this.#ageShares.set(slot, share);
    return share;
  }
}

/** The part of `maxAge` by which a worker may end sooner. */
const AGE_JITTER = 0.1;

// Replaces single workers that are above a limit or want to leave, one at a time: the new process is published
// before the old one is withdrawn. Where the new one does not come up it is discarded, and the old one serves on until
// the next try.
import type { WireError, WorkerStats } from '@vhostd/protocol';
import { Backoff, resolveBackoff } from '@vhostd/supervisor';
import type { SiteConf } from '../conf/site-conf.js';
import { limitExceeded } from '../workers/worker-limits.js';
import type { WorkerLimits } from '../workers/worker-limits.js';

/** A worker, as far as its replacement is concerned. */
export interface ReplaceableWorker {
  readonly slot: number;
  readonly conf: WorkerLimits & Pick<SiteConf, 'settleTimeMs' | 'restart'>;
  readonly stats: WorkerStats | undefined;
  /** Why it wants to leave. */
  readonly wantsToLeave: string | undefined;
  readonly ageMs: number;
  remark: string | undefined;
  /** Takes over what is counted of the old worker. */
  replace(old: this, reason: string): void;
  outlive(replacement: this, reason: string, message: string): void;
}

/** The workers of a site, as far as replacing one is concerned. */
export interface ReplacedWorkers<W> {
  /** Starts a worker of the same slot and generation, which is not published. */
  startReplacement(old: W): W;
  /** Publishes it, and withdraws the old worker. */
  promoteReplacement(old: W): void;
  discardReplacement(): void;
}

export interface ReplacementOptions {
  /** Monotonic clock, ms. Default `performance.now`. */
  now?: () => number;
  /** Random numbers from 0 to below 1. Default `Math.random`. */
  random?: () => number;
}

interface UnderWay<W> {
  readonly old: W;
  /** Undefined while it is being started. */
  worker: W | undefined;
  readonly reason: string;
  settling?: NodeJS.Timeout;
}

/** When the worker of a slot may be replaced again. */
interface Pause {
  readonly backoff: Backoff;
  untilMs: number;
}

export class Replacement<W extends ReplaceableWorker> {
  readonly #workers: ReplacedWorkers<W>;
  readonly #onReplaced: () => void;
  readonly #options: Required<ReplacementOptions>;
  readonly #pauses = new Map<number, Pause>();
  readonly #ageShares = new WeakMap<W, number>();
  #underWay: UnderWay<W> | undefined;

  /** `onReplaced` is called when a new worker serves in the place of an old one. */
  constructor(workers: ReplacedWorkers<W>, onReplaced: () => void, options: ReplacementOptions = {}) {
    this.#workers = workers;
    this.#onReplaced = onReplaced;
    this.#options = { now: () => performance.now(), random: Math.random, ...options };
  }

  /** A worker that serves has told how it is: begins to replace it where it is above a limit, or wants to leave. */
  onStats(old: W): void {
    if (this.#underWay !== undefined) return;
    const reason = this.#reasonFor(old);
    if (reason === undefined || this.#options.now() < this.#pauseOf(old).untilMs) return;
    old.remark = `${reason}; being replaced`;
    const underWay: UnderWay<W> = { old, worker: undefined, reason };
    this.#underWay = underWay;
    underWay.worker = this.#workers.startReplacement(old);
  }

  /** The replacement is ready. It is published once it has been for a while. */
  onReady(worker: W): void {
    const underWay = this.#underWay;
    if (underWay === undefined) return;
    underWay.worker = worker;
    underWay.settling = setTimeout(() => this.#complete(underWay, worker), worker.conf.settleTimeMs);
  }

  /** The replacement ended, and is discarded. */
  onExit(worker: W, { message }: WireError): void {
    if (this.#underWay === undefined) return;
    const { old, reason } = this.#underWay;
    this.#discard();
    this.#pause(old, 0);
    old.outlive(worker, reason, message);
  }

  /** Gives up what is under way where it is about another worker than these. */
  keepTo(workers: readonly W[]): void {
    if (this.#underWay === undefined || workers.includes(this.#underWay.old)) return;
    this.#cancel();
  }

  /** Gives up what is under way, and forgets what has been: other workers follow. */
  reset(): void {
    this.#cancel();
    this.#pauses.clear();
  }

  #complete({ old, reason }: UnderWay<W>, worker: W): void {
    this.#underWay = undefined;
    this.#pause(old, old.ageMs);
    old.remark = reason;
    worker.replace(old, reason);
    this.#workers.promoteReplacement(old);
    this.#onReplaced();
  }

  #cancel(): void {
    if (this.#underWay === undefined) return;
    this.#underWay.old.remark = undefined;
    this.#discard();
  }

  #discard(): void {
    clearTimeout(this.#underWay?.settling);
    this.#underWay = undefined;
    this.#workers.discardReplacement();
  }

  /** A limit that every new worker is above at once must not make the site do nothing but boot. */
  #pause(worker: W, livedMs: number): void {
    const pause = this.#pauseOf(worker);
    pause.untilMs = this.#options.now() + pause.backoff.next(livedMs);
  }

  #pauseOf({ slot, conf }: W): Pause {
    let pause = this.#pauses.get(slot);
    if (pause === undefined) {
      const { backoffMinMs: baseMs, backoffMaxMs: capMs } = conf.restart;
      const backoff = new Backoff(resolveBackoff({ baseMs, capMs, resetAfterMs: 2 * capMs }));
      pause = { backoff, untilMs: 0 };
      this.#pauses.set(slot, pause);
    }
    return pause;
  }

  #reasonFor(worker: W): string | undefined {
    const { stats } = worker;
    if (worker.wantsToLeave !== undefined) return worker.wantsToLeave;
    if (stats === undefined) return undefined;
    return limitExceeded({ ...stats, ageMs: worker.ageMs, ageShare: this.#ageShareOf(worker) }, worker.conf);
  }

  #ageShareOf(worker: W): number {
    const share = this.#ageShares.get(worker) ?? 1 - AGE_JITTER * this.#options.random();
    this.#ageShares.set(worker, share);
    return share;
  }
}

/** The part of `maxAge` by which a worker may end sooner. */
const AGE_JITTER = 0.1;

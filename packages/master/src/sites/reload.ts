// One reload: the next generation boots slot by slot; each new worker is published before the old one of its slot
// is withdrawn, and the last old one stays until all new ones are there. If one fails, the next generation is
// discarded and the old one serves on. Where hosts move between sites, all new ones are there before anything changes.
import { availableParallelism } from 'node:os';
import { fromWireError, toWireError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import type { SiteConf } from '../conf/site-conf.js';
import type { Worker } from '../workers/worker.js';
import type { Generation } from './generation.js';
import type { WorkerSet } from './worker-set.js';

/** What the operator and the workers want of a site, and what is in force. */
export interface ReloadConfs {
  readonly inForce: SiteConf;
  /** Set where other sites change together with this one: from the commit on there is no way back. */
  readonly joint: { fail(error: WireError): void } | undefined;
  commit(next: () => SiteConf): Promise<void>;
  carriedOver(conf: SiteConf): SiteConf;
}

/** How far a reload is. */
export interface ReloadProgress<W extends { readonly slot: number; readonly ready: boolean }> {
  /** How many workers the next generation is to have, as far as is known now. */
  readonly count: number;
  /** Workers of the next generation, in the order of their slots; the first `publishedCount` may serve. */
  readonly next: readonly W[];
  readonly publishedCount: number;
  /** Workers of the generation in force. */
  readonly old: readonly W[];
  /** The first new worker has lived for a while. */
  readonly settled: boolean;
  /** All of its workers are to be ready before its conf comes into force. */
  readonly whole: boolean;
  /** The next generation's conf is in force. */
  readonly committed: boolean;
  readonly failed: boolean;
}

/** What a reload is to do next. */
export type ReloadStep<W> =
  | { do: 'boot'; slot: number }
  | { do: 'wait' | 'settle' | 'commit' | 'finish' | 'discard' }
  /** `drain`: the old worker whose place it takes. */
  | { do: 'publish'; worker: W; drain: W | undefined };

export function nextStep<W extends { readonly slot: number; readonly ready: boolean }>(
  progress: ReloadProgress<W>,
): ReloadStep<W> {
  const { next, old, publishedCount, failed } = progress;
  if (failed) return { do: 'discard' };
  const count = Math.max(1, progress.count);
  if (progress.whole && !progress.committed) {
    if (next.length < count && next.every(({ ready }) => ready)) return { do: 'boot', slot: next.length };
    if (!next.every(({ ready }) => ready)) return { do: 'wait' };
  }
  const worker = next[publishedCount];
  if (worker === undefined) {
    return publishedCount < count ? { do: 'boot', slot: publishedCount } : { do: 'finish' };
  }
  if (!worker.ready) return { do: 'wait' };
  // The first worker must outlive its first moments before anything changes for it.
  if (!progress.settled) return { do: 'settle' };
  if (!progress.committed) return { do: 'commit' };
  // Were the next generation discarded when no old worker is left, nobody would serve.
  const drain = old.length > 1 ? old.find(({ slot }) => slot === worker.slot) : undefined;
  return { do: 'publish', worker, drain };
}

export class Reload {
  readonly next: Generation;
  readonly #workers: WorkerSet;
  readonly #confs: ReloadConfs;
  readonly #onPublished: () => void;
  readonly #done = new Deferred<WireError | undefined>();
  #publishedCount = 0;
  #settled = false;
  #committed = false;
  /** The conf that was in force until this reload put another one into its place. */
  #before: SiteConf | undefined;
  /** A step is under way that takes its time: to settle, to commit, to roll back. */
  #busy = false;
  #settling: NodeJS.Timeout | undefined;
  #failure: WireError | undefined;
  #ended = false;

  /** `onPublished` is called when a new worker may be given connections. */
  constructor(workers: WorkerSet, next: Generation, confs: ReloadConfs, onPublished: () => void) {
    this.#workers = workers;
    this.next = next;
    this.#confs = confs;
    this.#onPublished = onPublished;
  }

  /** Resolves with why the next generation was discarded, or with nothing. */
  get outcome(): Promise<WireError | undefined> {
    return this.#done.promise;
  }

  run(): void {
    this.#advance();
  }

  /** A worker of the next generation is ready. */
  onReady(): void {
    this.#advance();
  }

  /** One ended, or the site stops: nothing is restarted, the next generation is discarded. */
  fail(error: WireError): void {
    this.#failure ??= error;
    this.#confs.joint?.fail(error);
    if (this.#settling !== undefined) {
      clearTimeout(this.#settling);
      this.#settling = undefined;
      this.#busy = false;
    }
    this.#advance();
  }

  #advance(): void {
    while (!this.#busy && !this.#ended) {
      const step = nextStep(this.#progress());
      if (step.do === 'wait') return;
      this.#take(step);
    }
  }

  #progress(): ReloadProgress<Worker> {
    const { conf, staged, workers } = this.next;
    return {
      count: workerCount(staged ?? { ...conf, cpuLen: conf.cpuLen ?? this.#confs.inForce.cpuLen }),
      next: workers,
      old: this.#workers.current.workers,
      publishedCount: this.#publishedCount,
      settled: this.#settled,
      whole: this.#confs.joint !== undefined,
      committed: this.#committed,
      failed: this.#failure !== undefined,
    };
  }

  #take(step: ReloadStep<Worker>): void {
    switch (step.do) {
      case 'boot':
        this.#workers.startNext(step.slot);
        return;
      case 'settle':
        return this.#settle();
      case 'commit':
        return void this.#commit();
      case 'publish':
        return this.#publish(step.worker, step.drain);
      case 'finish':
        this.#workers.promoteNext();
        return this.#end(undefined);
      case 'discard':
        return void this.#discard();
      case 'wait':
    }
  }

  #settle(): void {
    this.#busy = true;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#settled = true;
      this.#busy = false;
      this.#advance();
    }, this.next.conf.settleTimeMs);
  }

  async #commit(): Promise<void> {
    this.#busy = true;
    const { next } = this;
    let before = this.#confs.inForce;
    try {
      await this.#confs.commit(() => {
        if (this.#failure !== undefined) throw fromWireError(this.#failure);
        before = this.#confs.inForce;
        next.inForce = true;
        return next.staged ?? this.#confs.carriedOver(next.conf);
      });
      this.#committed = true;
      this.#before = before;
    } catch (error) {
      next.inForce = false;
      this.#failure ??= toWireError(error);
    }
    this.#busy = false;
    this.#advance();
  }

  #publish(worker: Worker, drain: Worker | undefined): void {
    this.#publishedCount += 1;
    this.#workers.publish(worker);
    this.#onPublished();
    if (drain !== undefined) this.#workers.drain(drain);
  }

  async #discard(): Promise<void> {
    this.#busy = true;
    // Others may have by now what was this site's.
    const before = this.#confs.joint === undefined ? this.#before : undefined;
    if (before !== undefined) await this.#confs.commit(() => before).catch(() => undefined);
    this.#workers.discardNext();
    this.#end(this.#failure);
  }

  #end(error: WireError | undefined): void {
    this.#ended = true;
    this.#done.resolve(error);
  }
}

/** How many workers a conf asks for. Two of a queue worker or a bot do everything twice where nobody expects it. */
export function workerCount(conf: {
  readonly cpuLen?: number | undefined;
  readonly server: boolean;
}): number {
  return conf.cpuLen ?? (conf.server ? availableParallelism() : 1);
}

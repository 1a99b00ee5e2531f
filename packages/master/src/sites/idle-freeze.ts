// Lets the workers of a site stand still when there has been no request for a while: asks each since when it has had
// nothing to do, takes its idle connections from all of them, and stops them together in the moment in which none has any.
import type { ToldQuiet } from '../workers/quiet.js';

/** A worker, as far as it can stand still. */
export interface FreezableWorker {
  readonly connectionCount: number;
  /** For how long it has had nothing to do; undefined: it does not say. */
  quiet(): Promise<ToldQuiet | undefined>;
  /** It hands back its idle connections; resolves with how many it has then, or undefined where it does not say. */
  standStill(): Promise<number | undefined>;
  /** It is not stopped after all. */
  goOn(): void;
}

/** The site whose workers they are. */
export interface FreezeWatched {
  /** Whether it serves in peace, as far as is known here, and nobody waits. */
  readonly freezable: boolean;
  /** All that are to be stopped. */
  freezers(): readonly FreezableWorker[];
  /** Workers are to accept nothing by themselves; resolves when none does. Connections that come back are kept from now on. */
  onCollect(): Promise<void>;
  /** They may accept again. */
  onCollected(): void;
  /** All of them have nothing to do: stops them. */
  onFreezeLimit(): void;
}

export class IdleFreeze {
  readonly #watched: FreezeWatched;
  #limitMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The try that is at work, by its number. */
  #try: number | undefined;
  #tryCount = 0;
  #collecting: readonly FreezableWorker[] | undefined;
  #keepAliveMs = Infinity;
  #hasEnded = false;

  constructor(limitMs: number | undefined, watched: FreezeWatched) {
    this.#limitMs = limitMs;
    this.#watched = watched;
  }

  /** Whether connections that workers hand back are to be kept. */
  get collecting(): boolean {
    return this.#collecting !== undefined;
  }

  /** How long they are kept, ms: as long as the site's servers would. */
  get keepAliveMs(): number {
    return this.#keepAliveMs;
  }

  /** Sets how long there must be no request; `undefined`: it is not to be frozen. */
  setLimit(limitMs: number | undefined): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.cancel();
    this.look();
  }

  /** To be called whenever whether it can be frozen may have changed. */
  look(): void {
    if (this.#limitMs === undefined || this.#hasEnded || !this.#watched.freezable) return this.cancel();
    if (this.#timer === undefined && this.#try === undefined) this.#tryIn(this.#limitMs);
  }

  /** There is something for its workers: gives up a try, and the time begins anew. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#try = undefined;
    this.#release();
  }

  /** It is not frozen from now on. */
  end(): void {
    this.#hasEnded = true;
    this.cancel();
  }

  #tryIn(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tryCount += 1;
      const number = this.#tryCount;
      this.#try = number;
      void this.#freeze(() => this.#try === number && this.#watched.freezable);
    }, delayMs).unref();
  }

  async #freeze(isOn: () => boolean): Promise<void> {
    const watched = this.#watched;
    const limitMs = this.#limitMs ?? 0;
    const workers = watched.freezers();
    const told = await Promise.all(workers.map(async (worker) => await worker.quiet()));
    if (!isOn()) return this.#again(limitMs);
    const quietMs = Math.min(...told.map((one) => one?.quietMs ?? 0));
    if (quietMs < limitMs) return this.#again(limitMs - quietMs);
    this.#keepAliveMs = Math.min(...told.map((one) => one?.keepAliveMs ?? 0));
    this.#collecting = workers;
    await watched.onCollect();
    const left = isOn() ? await Promise.all(workers.map(async (worker) => await worker.standStill())) : [];
    // A connection that was given to one of them meanwhile is counted there by now.
    const isStill = left.length > 0 && left.every((count) => count === 0);
    if (!isOn() || !isStill || workers.some(({ connectionCount }) => connectionCount > 0))
      return this.#again(limitMs);
    this.#collecting = undefined;
    this.#try = undefined;
    watched.onFreezeLimit();
  }

  /** Gives a try up, unless another one has begun. */
  #again(delayMs: number): void {
    if (this.#try === undefined && this.#collecting === undefined) return;
    this.#try = undefined;
    this.#release();
    if (!this.#watched.freezable || this.#timer !== undefined) return;
    this.#tryIn(Math.max(delayMs, (this.#limitMs ?? 0) * AGAIN_MIN_PART, AGAIN_MIN_MS));
  }

  #release(): void {
    const collecting = this.#collecting;
    if (collecting === undefined) return;
    this.#collecting = undefined;
    for (const worker of collecting) worker.goOn();
    this.#watched.onCollected();
  }
}

/** Whatever a worker says, it is not asked at once again: a part of the limit, and ms. */
const AGAIN_MIN_PART = 0.02;
const AGAIN_MIN_MS = 5;

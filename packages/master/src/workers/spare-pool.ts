// Which sites have processes ahead of need, and how many. They are started one at a time, when no worker boots; one that ends
// unused is replaced, each time a little later.
import { Backoff, resolveBackoff } from '@vhostd/supervisor';
import type { BootGate } from './boot-gate.js';

/** A process that waits to be a worker. */
export interface Spare {
  readonly pid: number | undefined;
  /** Calls back when it has ended without having been used or told to, or could not be started. */
  onFailed(callback: (reason: string) => void): void;
  end(): void;
}

/** What the processes of a site are started by. */
export interface SpareWish<O> {
  readonly siteId: string;
  readonly order: O;
  readonly count: number;
}

/** What a pool is built on. */
export interface SparePoolParts<O, S extends Spare> {
  readonly boots: BootGate;
  /** All that cannot be told to a process later, as it is now: what was started for another key is of no use. */
  readonly keyOf: (order: O) => string;
  /** @throws {Error} where none can be started. */
  readonly start: (order: O) => S;
  readonly onFailed: (siteId: string, pid: number | undefined, reason: string) => void;
}

export class SparePool<O, S extends Spare> {
  readonly #parts: SparePoolParts<O, S>;
  readonly #sites = new Map<string, SitePool<O, S>>();

  constructor(parts: SparePoolParts<O, S>) {
    this.#parts = parts;
  }

  /** A site is to have so many; those for another key end. */
  keep(wish: SpareWish<O>): void {
    const { siteId, order, count } = wish;
    if (count === 0) return this.end(siteId);
    const present = this.#sites.get(siteId);
    if (present !== undefined && present.key !== this.#parts.keyOf(order)) this.end(siteId);
    const pool = this.#sites.get(siteId) ?? new SitePool(wish, this.#parts);
    this.#sites.set(siteId, pool);
    pool.keep(wish);
  }

  /** A site is to have none. */
  end(siteId: string): void {
    this.#sites.get(siteId)?.end();
    this.#sites.delete(siteId);
  }

  /** One that has waited, which is the caller's from now on; another one follows with the next {@link keep}. */
  take(siteId: string, order: O): S | undefined {
    const pool = this.#sites.get(siteId);
    if (pool === undefined || pool.count === 0) return undefined;
    return pool.key === this.#parts.keyOf(order) ? pool.take() : undefined;
  }

  /** How many a site has. */
  countOf(siteId: string): number {
    return this.#sites.get(siteId)?.count ?? 0;
  }
}

class SitePool<O, S extends Spare> {
  /** That of all of its spares. */
  key: string;
  #wish: SpareWish<O>;
  readonly #parts: SparePoolParts<O, S>;
  readonly #backoff = new Backoff(resolveBackoff({ baseMs: 1000, capMs: 60_000, resetAfterMs: 60_000 }));
  /** In the order in which they were started. */
  readonly #spares = new Set<S>();
  #pause: NodeJS.Timeout | undefined;

  constructor(wish: SpareWish<O>, parts: SparePoolParts<O, S>) {
    this.#wish = wish;
    this.#parts = parts;
    this.key = parts.keyOf(wish.order);
  }

  get count(): number {
    return this.#spares.size;
  }

  keep(wish: SpareWish<O>): void {
    this.#wish = wish;
    for (const surplus of [...this.#spares].slice(wish.count)) {
      this.#spares.delete(surplus);
      surplus.end();
    }
    this.#fill();
  }

  take(): S | undefined {
    const [spare] = this.#spares;
    if (spare !== undefined) this.#spares.delete(spare);
    return spare;
  }

  end(): void {
    this.#parts.boots.leave(this);
    clearTimeout(this.#pause);
    this.#endAll();
  }

  #endAll(): void {
    for (const spare of this.#spares) spare.end();
    this.#spares.clear();
  }

  #fill(): void {
    if (this.#spares.size >= this.#wish.count || this.#pause !== undefined) return;
    this.#parts.boots.enterLast(this, () => this.#start());
  }

  #start(): void {
    if (this.#spares.size >= this.#wish.count) return;
    const startedMs = performance.now();
    try {
      // What it is started in may be another since it was asked for.
      const key = this.#parts.keyOf(this.#wish.order);
      if (key !== this.key) this.#endAll();
      this.key = key;
      const spare = this.#parts.start(this.#wish.order);
      this.#spares.add(spare);
      spare.onFailed((reason) => {
        // One that was taken, or told to end, is nobody's here.
        if (!this.#spares.delete(spare)) return;
        this.#onFailed(spare.pid, reason, performance.now() - startedMs);
      });
      this.#fill();
    } catch (error) {
      this.#onFailed(undefined, error instanceof Error ? error.message : String(error), 0);
    }
  }

  #onFailed(pid: number | undefined, reason: string, livedMs: number): void {
    this.#parts.onFailed(this.#wish.siteId, pid, reason);
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#fill();
    }, this.#backoff.next(livedMs));
    this.#pause.unref();
  }
}

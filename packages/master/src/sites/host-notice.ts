// Tells a site's workers which hosts lead to the site.
import type { SiteClaims } from '@vhostd/protocol';
import type { Worker } from '../workers/worker.js';

export class HostNotice {
  readonly #now: () => number;
  #claims: SiteClaims[] = [];
  /** For how long changes of routes may still wait for these workers, ms. */
  #patienceMs: number = CONFIRM_LIMIT_MS;
  #atMs: number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#atMs = now();
  }

  /**
   * Tells these workers; resolves once each has confirmed it, has gone, or has had time to. A change of routes waits for
   * it where the site loses hosts, the states before and behind: a site whose workers are slow with it, which holds up
   * whoever gets these hosts, has less and less time, and gets it back slowly.
   */
  async change(claims: SiteClaims[], workers: readonly Worker[]): Promise<void> {
    this.#claims = claims;
    const startMs = this.#now();
    this.#patienceMs = Math.min(CONFIRM_LIMIT_MS, this.#patienceMs + (startMs - this.#atMs) * PATIENCE_PART);
    this.#atMs = startMs;
    const told = workers.map((worker) => this.#tell(worker, Math.max(1, Math.floor(this.#patienceMs))));
    await Promise.all(told);
    // Of a single state nobody waits for it.
    if (claims.length > 1) this.#patienceMs -= Math.max(0, this.#now() - startMs - FREE_MS);
  }

  /** Tells a worker that has just got ready, before its first connection: the link keeps the order. */
  tellNew(worker: Worker): void {
    void this.#tell(worker, CONFIRM_LIMIT_MS);
  }

  async #tell(worker: Worker, timeoutMs: number): Promise<void> {
    try {
      await worker.process?.peer.request('hosts', { claims: this.#claims }, { timeoutMs });
    } catch {
      // It is gone, or busy: then it hears of it before it looks at what comes next.
    }
  }
}

/** How long a change of routes waits for a worker, ms. */
const CONFIRM_LIMIT_MS = 500;
/** How much of a time without waiting is given back. */
const PATIENCE_PART = 0.02;
/** A worker that is well takes no longer, ms. */
const FREE_MS = 20;

// Tells a site's workers which hosts lead to the site.
import type { SiteClaims } from '@vhostd/protocol';
import type { Worker } from '../workers/worker.js';

export class HostNotice {
  #claims: SiteClaims[] = [];

  /** Tells these workers; resolves once each has confirmed it, has gone, or has had time to. */
  async change(claims: SiteClaims[], workers: readonly Worker[]): Promise<void> {
    this.#claims = claims;
    await Promise.all(workers.map((worker) => this.#tell(worker)));
  }

  /** Tells a worker that has just got ready, before its first connection: the link keeps the order. */
  tellNew(worker: Worker): void {
    void this.#tell(worker);
  }

  async #tell(worker: Worker): Promise<void> {
    try {
      await worker.process?.peer.request('hosts', { claims: this.#claims }, { timeoutMs: CONFIRM_LIMIT_MS });
    } catch {
      // It is gone, or busy: then it hears of it before it looks at what comes next.
    }
  }
}

/** How long a change of routes waits for a worker, ms. */
const CONFIRM_LIMIT_MS = 500;

// Tells a site's workers which hosts lead to the site.
import type { SiteClaims } from '@vhostd/protocol';
import type { Slot } from '../workers/slot.js';

export class HostNotice {
  #claims: SiteClaims[] = [];

  /** Tells these workers; resolves once each has confirmed it, has gone, or has had time to. */
  async change(claims: SiteClaims[], workers: readonly Slot[]): Promise<void> {
    this.#claims = claims;
    await Promise.all(workers.map((slot) => this.#tell(slot)));
  }

  /** Tells a worker that has just got ready, before its first connection: the link keeps the order. */
  tellNew(slot: Slot): void {
    void this.#tell(slot);
  }

  async #tell(slot: Slot): Promise<void> {
    try {
      await slot.worker?.peer.request('hosts', { claims: this.#claims }, { timeoutMs: CONFIRM_LIMIT_MS });
    } catch {
      // It is gone, or busy: then it hears of it before it looks at what comes next.
    }
  }
}

/** How long a change of routes waits for a worker, ms. */
const CONFIRM_LIMIT_MS = 500;

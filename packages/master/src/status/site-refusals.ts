// What the workers of each site have refused, those that have ended included.
import type { MasterEvents } from '../events.js';

export class SiteRefusals {
  readonly #bySite = new Map<string, Record<string, number>>();

  subscribe(events: MasterEvents): void {
    events.on('worker.refused', ({ siteId, reason, count }) => {
      const counts = this.#bySite.get(siteId) ?? {};
      // Workers may say anything, and a status holds no larger number.
      counts[reason] = Math.min((counts[reason] ?? 0) + count, Number.MAX_SAFE_INTEGER);
      this.#bySite.set(siteId, counts);
    });
    events.on('site.removed', ({ siteId }) => this.#bySite.delete(siteId));
  }

  /** Requests of a site by reason; undefined: none. */
  of(siteId: string): Readonly<Record<string, number>> | undefined {
    return this.#bySite.get(siteId);
  }
}

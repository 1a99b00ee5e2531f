// How the workers of each site ended lately that nobody had asked to end, for those who ask why they were replaced.
import type { SiteDetail } from '@vhostd/protocol';
import type { MasterEvents } from '../events.js';

/** One end, as `vhostd status SITE` shows it. */
type WorkerEnd = SiteDetail['ends'][number];

export class WorkerEnds {
  readonly #bySite = new Map<string, WorkerEnd[]>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  subscribe(events: MasterEvents): void {
    events.on('worker.exited', ({ siteId, workerId, asked, reason, message }) => {
      if (!asked) this.#add(siteId, workerId, message === undefined ? reason : `${reason}: ${message}`);
    });
    events.on('worker.replaced', ({ siteId, workerId, reason }) => this.#add(siteId, workerId, reason));
    events.on('site.removed', ({ siteId }) => this.#bySite.delete(siteId));
  }

  /** Those of a site, the latest one first. */
  of(siteId: string): WorkerEnd[] {
    return (this.#bySite.get(siteId) ?? []).toReversed();
  }

  #add(siteId: string, workerId: string, reason: string): void {
    const ends = this.#bySite.get(siteId) ?? [];
    ends.push({ time: new Date(this.#now()).toISOString(), workerId, reason });
    this.#bySite.set(siteId, ends.slice(-KEPT_COUNT));
  }
}

/** Enough to see what happens again and again. */
const KEPT_COUNT = 20;

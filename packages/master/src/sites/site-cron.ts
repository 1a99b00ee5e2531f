// What a site does at the times of its `cron`, and why the last time was left out: a job is run, the workers of any other
// site are replaced.
import type { SiteStatus } from '@vhostd/protocol';
import type { Cron } from 'croner';
import { cronTimer } from '../conf/cron.js';
import type { CronRule } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { RoutedSite } from '../routing/router.js';
import type { SiteConfs } from './site-confs.js';
import type { SiteStart } from './site-start.js';
import type { SiteStateMachine } from './site-state.js';

/** The parts of a site that its times concern. */
export interface TimedParts {
  readonly siteId: string;
  readonly events: MasterEvents;
  readonly state: SiteStateMachine;
  readonly confs: SiteConfs<RoutedSite>;
  readonly start: SiteStart;
}

export class SiteCron {
  readonly #parts: TimedParts;
  #rule: CronRule | undefined;
  #timer: Cron | undefined;
  #skipped: { time: string; reason: string } | undefined;

  constructor(parts: TimedParts) {
    this.#parts = parts;
  }

  /** Keeps to the conf in force for as long as the site has its places. */
  keep(): void {
    const { siteId, events, state, confs } = this.#parts;
    const rule = state.placed && !state.stopping ? confs.inForce.cron : undefined;
    if (JSON.stringify(rule) === JSON.stringify(this.#rule)) return;
    this.#rule = rule;
    this.#timer?.stop();
    this.#timer = rule && cronTimer(rule, () => void events.emit('site.due', { siteId }));
    this.#skipped = undefined;
  }

  /** What is to be done at this time; undefined where it has to be left out. */
  take(): 'run' | 'reload' | undefined {
    const { siteId, events, confs } = this.#parts;
    const reason = this.#whyNotNow;
    this.#skipped = reason === undefined ? undefined : { time: new Date().toISOString(), reason };
    if (reason !== undefined) {
      events.emit('site.cron.skipped', { siteId, reason });
      return undefined;
    }
    const does = confs.isJob ? 'run' : 'reload';
    events.emit('site.cron', { siteId, does });
    return does;
  }

  status(): Pick<SiteStatus, 'cron'> {
    const next = this.#timer?.nextRun()?.toISOString();
    if (next === undefined) return {};
    return { cron: { next, ...(this.#skipped === undefined ? {} : { skipped: this.#skipped }) } };
  }

  /** Why what is to be done has to wait for the next time. */
  get #whyNotNow(): string | undefined {
    const { confs, start } = this.#parts;
    const { state, meaning } = this.#parts.state;
    if (meaning.cron === 'both' || meaning.cron === (confs.isJob ? 'run' : 'reload')) return undefined;
    if (state === 'waiting') return `it waits for ${start.waitsFor.join(', ')}`;
    return confs.isJob ? 'the last run is still at work' : `it is ${meaning.status}`;
  }
}

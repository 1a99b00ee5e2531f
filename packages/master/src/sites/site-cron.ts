// The timer of a site that has something to do at certain times, and what became of the last time.
import type { SiteStatus } from '@vhostd/protocol';
import type { Cron } from 'croner';
import { cronTimer } from '../conf/cron.js';
import type { CronRule } from '../conf/site-conf.js';

export class SiteCron {
  readonly #onTime: () => void;
  #rule: CronRule | undefined;
  #timer: Cron | undefined;
  #skipped: { time: string; reason: string } | undefined;

  constructor(onTime: () => void) {
    this.#onTime = onTime;
  }

  /** Keeps to this rule from now on; undefined: to none. */
  set(rule: CronRule | undefined): void {
    if (JSON.stringify(rule) === JSON.stringify(this.#rule)) return;
    this.#rule = rule;
    this.#timer?.stop();
    this.#timer = rule && cronTimer(rule, () => this.#onTime());
    this.#skipped = undefined;
  }

  /** What was to be done at this time is done, or is left out for a reason. */
  done(reason?: string): void {
    this.#skipped = reason === undefined ? undefined : { time: new Date().toISOString(), reason };
  }

  status(): Pick<SiteStatus, 'cron'> {
    const next = this.#timer?.nextRun()?.toISOString();
    if (next === undefined) return {};
    return { cron: { next, ...(this.#skipped === undefined ? {} : { skipped: this.#skipped }) } };
  }
}

// The sites of the fleet that sites here wait for, as the store last told. What was told stays true while nothing else is:
// a store that is lost takes nobody away.
import type { MasterEvents } from '../events.js';
import type { Readiness } from './readiness.js';

export class FleetSites {
  readonly #events: MasterEvents;
  readonly #graceMs: number;
  readonly #wanted = new Set<string>();
  #up: ReadonlySet<string> = new Set();
  #error: string | undefined = 'it has not been asked yet';
  #isConfigured = false;
  /** Whether other machines have had time to come up. */
  #isLate = false;

  /** `graceMs`: how long nobody is told that it waits in vain. Default 10 s. */
  constructor(events: MasterEvents, graceMs: number = GRACE_MS) {
    this.#events = events;
    this.#graceMs = graceMs;
    events.on('conf.applied', ({ conf }) => {
      this.#isConfigured = conf.fleet !== undefined;
    });
    events.on('fleet.sites', ({ siteIds, error }) => {
      this.#up = new Set(siteIds);
      this.#error = error;
    });
  }

  /** How it stands on all machines together; undefined where the conf names no fleet. `name` is how it is waited for. */
  readinessOf(siteId: string, name: string): Readiness | undefined {
    if (!this.#isConfigured) return undefined;
    this.#want(siteId);
    if (this.#up.has(siteId)) return { siteId: name, published: true };
    if (!this.#isLate) return { siteId: name, published: false };
    const message =
      this.#error === undefined
        ? 'no machine of the fleet has it up'
        : `the store of the fleet does not answer: ${this.#error}`;
    return { siteId: name, published: false, failure: { code: 'ERR_SITE_WAITS', message } };
  }

  #want(siteId: string): void {
    if (this.#wanted.has(siteId)) return;
    if (this.#wanted.size === 0) setTimeout(() => this.#late(), this.#graceMs).unref();
    this.#wanted.add(siteId);
    this.#events.emit('fleet.sites-wanted', { siteIds: [...this.#wanted] });
  }

  #late(): void {
    this.#isLate = true;
    const error = this.#error === undefined ? {} : { error: this.#error };
    this.#events.emit('fleet.sites', { siteIds: [...this.#up], ...error });
  }
}

const GRACE_MS = 10_000;

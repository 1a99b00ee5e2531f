// What state a site is in and what is wrong with it, made out of the states of its parts.
import type { SiteState, WireError } from '@vhostd/protocol';
import type { Crew } from './crew.js';
import type { Entrance } from './entrance.js';
import type { FirstBoot, Standing } from './first-boot.js';

/** The parts of a site that its condition shows. */
export interface ConditionParts {
  readonly siteId: string;
  readonly crew: Crew;
  readonly boot: FirstBoot;
  readonly entrance: Entrance;
}

export class Condition {
  /** It stops, or has been stopped: for good. */
  stopping = false;
  /** Why the site is not up. */
  failure: WireError | undefined;
  /** Why the last reload failed. */
  discarded: WireError | undefined;
  readonly #parts: ConditionParts;

  constructor(parts: ConditionParts) {
    this.#parts = parts;
  }

  get state(): SiteState {
    const { crew, boot, entrance } = this.#parts;
    if (this.stopping) return crew.slots().every((slot) => slot.resting) ? 'stopped' : 'stopping';
    if (crew.reload !== undefined) return 'reloading';
    if (entrance.asleep) return 'sleeping';
    if (crew.allErrored) return 'errored';
    if (boot.waiting) return 'waiting';
    if (!boot.started && this.failure !== undefined) return 'errored';
    return crew.anyReady ? 'running' : 'booting';
  }

  /** Whether a worker serves, or is started as soon as there is something to serve. */
  get running(): boolean {
    return ['running', 'sleeping'].includes(this.state);
  }

  /** Whether it could not be started because its listeners or places can't be had. */
  get unlistened(): boolean {
    return !this.#parts.boot.started && !this.stopping && this.failure !== undefined;
  }

  /** Whether waiting for a worker is pointless. */
  get hopeless(): boolean {
    return this.stopping || this.state === 'errored';
  }

  /** Why the site, or its last reload, failed. */
  get reason(): string | undefined {
    const { siteId, crew, boot } = this.#parts;
    if (this.failure !== undefined) {
      const { message } = this.failure;
      return this.state === 'errored' && crew.allErrored
        ? `${message}; vhostd reload ${siteId} starts it anew`
        : message;
    }
    if (this.discarded !== undefined) {
      const present = this.stopping || !crew.anyReady ? '' : `, generation ${crew.current.number} serves on`;
      return `the last reload failed${present}: ${this.discarded.message}`;
    }
    return boot.waiting ? boot.failure?.message : undefined;
  }

  /** How it stands, for whoever waits for it. A site that sleeps is there: a connection to it wakes it. */
  get standing(): Standing {
    const { siteId, crew, boot, entrance } = this.#parts;
    if (this.stopping) return { siteId, published: false, failure: STOPPED };
    if (entrance.asleep || crew.serves) return { siteId, published: true };
    const failure = boot.failure ?? (this.state === 'errored' ? this.failure : undefined);
    return { siteId, published: false, ...(failure === undefined ? {} : { failure }) };
  }
}

/** What becomes of everything that a stopped site is asked for. */
export const STOPPED: WireError = { code: 'ERR_SITE_STOPPED', message: 'the site has been stopped' };

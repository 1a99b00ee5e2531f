// A site without workers until somebody connects to it: how it gets there, how it wakes, what a reload is meanwhile.
import { toWireError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import type { ConditionParts, Condition } from './condition.js';
import { idleStopOf } from './slumber.js';

/** What this needs of its site. */
export interface OnDemandHost {
  conf(): SiteConf;
  /** Puts the conf into force that the operator wants; resolves with it. Rejects when it can't be had. */
  commit(): Promise<SiteConf>;
  /** The site has been put to sleep, or woken. */
  onChange(asleep: boolean): void;
}

export class OnDemand {
  readonly #parts: ConditionParts;
  readonly #is: Condition;
  readonly #host: OnDemandHost;
  #waking = false;

  constructor(parts: ConditionParts, is: Condition, host: OnDemandHost) {
    this.#parts = parts;
    this.#is = is;
    this.#host = host;
  }

  /** Whether the site boots because of a connection. */
  get waking(): boolean {
    return this.#waking;
  }

  /** Lets a site begin asleep whose conf says so; false where it does not. */
  begin(): boolean {
    const { cpuLen, listen } = this.#host.conf();
    // A site whose conf names no hosts is booted to learn them: no connection could wake it.
    if (cpuLen !== 0 || listen.length === 0) return false;
    this.#parts.entrance.fallAsleep();
    this.#parts.boot.succeed();
    return true;
  }

  /** It has fallen asleep: its workers leave; a connection starts those that follow. */
  onAsleep(): void {
    this.#parts.crew.rest();
    // Some of its slots may not have come up yet, and will not now.
    this.#parts.boot.succeed();
    this.#host.onChange(true);
  }

  /** It has been woken. However many connections ask for it, that is one worker at first. */
  onWoken(): void {
    const { boot, crew } = this.#parts;
    this.#waking = true;
    this.#is.failure = undefined;
    boot.again();
    crew.start();
    this.#host.onChange(false);
  }

  /** A worker is ready. */
  onReady(): void {
    this.#waking = false;
  }

  /**
   * Takes the wanted conf and starts nothing, unless the site is to have workers from now on. Resolves with why it
   * could not be had, or `awake` where the site has been woken meanwhile and is to be reloaded as usual.
   */
  async reload(): Promise<WireError | 'awake' | undefined> {
    const { boot, crew, entrance } = this.#parts;
    let wanted: SiteConf;
    try {
      wanted = await this.#host.commit();
    } catch (error) {
      this.#is.discarded = toWireError(error);
      return this.#is.discarded;
    }
    // A connection may have woken the old generation meanwhile: it is replaced once it has booted.
    if (!entrance.asleep) await boot.outcome;
    if (!entrance.asleep || this.#is.stopping) return 'awake';
    this.#is.discarded = undefined;
    crew.renew(wanted);
    if (idleStopOf(this.#host.conf()) === undefined && entrance.wake()) this.onWoken();
    return await boot.outcome;
  }
}

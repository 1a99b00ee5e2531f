// Puts a site to sleep that nobody has been connected to for a while, and notes that it sleeps.
import type { SiteConf } from '../conf/site-conf.js';

export interface SlumberHost {
  /** Whether the site serves, and nobody is or waits to be connected to it. */
  idle(): boolean;
  /** It has fallen asleep: its workers are to leave. */
  onAsleep(): void;
}

export class Slumber {
  readonly #host: SlumberHost;
  #limitMs: number | undefined;
  #asleep = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number | undefined, host: SlumberHost) {
    this.#limitMs = limitMs;
    this.#host = host;
  }

  get asleep(): boolean {
    return this.#asleep;
  }

  /** Sets how long it must be idle; `undefined`: it never falls asleep. */
  setLimit(limitMs: number | undefined): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#stopTimer();
    this.look();
  }

  /** To be called whenever the site may have become idle, or has ceased to be. */
  look(): void {
    if (this.#limitMs === undefined || this.#asleep || !this.#host.idle()) return this.#stopTimer();
    this.#timer ??= setTimeout(() => this.#onLimit(), this.#limitMs);
    this.#timer.unref();
  }

  /** A site that begins asleep. */
  begin(): void {
    this.#asleep = true;
    this.#stopTimer();
  }

  /** Wakes it; false when it was awake. */
  wake(): boolean {
    const asleep = this.#asleep;
    this.#asleep = false;
    return asleep;
  }

  #onLimit(): void {
    this.#timer = undefined;
    if (!this.#host.idle()) return;
    this.#asleep = true;
    this.#host.onAsleep();
  }

  #stopTimer(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** After how long without a connection a site is put to sleep, ms; `undefined`: never. */
export function idleStopOf(conf: Pick<SiteConf, 'cpuLen' | 'idleStopMs'>): number | undefined {
  return conf.idleStopMs ?? (conf.cpuLen === 0 ? ON_DEMAND_IDLE_STOP_MS : undefined);
}

/** For a site that is started by its first connection and whose conf does not say. */
const ON_DEMAND_IDLE_STOP_MS = 600_000;

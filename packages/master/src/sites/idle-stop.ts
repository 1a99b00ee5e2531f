// Tells when nobody has been connected to a site for a while.
import type { SiteConf } from '../conf/site-conf.js';

/** What is watched. */
export interface IdleWatched {
  /** Whether it serves, and nobody is or waits to be connected to it. */
  readonly idle: boolean;
  /** It has been idle for the limit. */
  onIdleLimit(): void;
}

export class IdleStop {
  readonly #watched: IdleWatched;
  #limitMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number | undefined, watched: IdleWatched) {
    this.#limitMs = limitMs;
    this.#watched = watched;
  }

  /** Sets how long it must be idle; `undefined`: there is no limit. */
  setLimit(limitMs: number | undefined): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#stopTimer();
    this.look();
  }

  /** To be called whenever it may have become idle, or has ceased to be. */
  look(): void {
    if (this.#limitMs === undefined || !this.#watched.idle) return this.#stopTimer();
    this.#timer ??= setTimeout(() => this.#onLimit(), this.#limitMs).unref();
  }

  #onLimit(): void {
    this.#timer = undefined;
    if (this.#watched.idle) this.#watched.onIdleLimit();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** After how long without a connection a site is stopped, ms; `undefined`: never. */
export function idleStopOf(conf: Pick<SiteConf, 'cpuLen' | 'idleStopMs'>): number | undefined {
  return conf.idleStopMs ?? (conf.cpuLen === 0 ? ON_DEMAND_IDLE_STOP_MS : undefined);
}

/** Whether a site has no worker until somebody connects. One whose conf names no hosts is booted to learn them. */
export function startsOnDemand({ cpuLen, listen }: Pick<SiteConf, 'cpuLen' | 'listen'>): boolean {
  return cpuLen === 0 && listen.length > 0;
}

/** For a site that is started by its first connection and whose conf does not say. */
const ON_DEMAND_IDLE_STOP_MS = 600_000;

// How connections get into a site: to its workers, unless a pause holds them, a maintenance answers them, or the
// site sleeps and must be woken first.
import type { MaintenancePage, SiteClaims, SiteStatus } from '@vhostd/protocol';
import type { Connection } from '../ingress/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import { Dispatch } from '../dispatch/dispatch.js';
import { HostNotice } from './host-notice.js';
import { Maintenance } from './maintenance.js';
import type { Notice } from './maintenance.js';
import type { Slot } from '../workers/slot.js';
import { idleStopOf, Slumber } from './slumber.js';

/** What the entrance needs of its site. */
export interface EntranceHost {
  /** The slots that may be given connections. */
  takers(): readonly Slot[];
  /** All that run, draining ones included. */
  slots(): readonly Slot[];
  /** No worker will come: waiting is pointless. */
  hopeless(): boolean;
  /** Whether it is published, and nothing about that is changing. */
  settled(): boolean;
  /** Ends a connection that nobody will serve; `page`: the site is in maintenance. */
  giveUp(connection: Connection, page?: MaintenancePage): void;
  /** Nobody has been connected for the site's limit: its workers are to leave. */
  onAsleep(): void;
  /** Somebody connects to the sleeping site. It is awake from now on. */
  onWoken(): void;
  onChange(): void;
}

export class Entrance {
  readonly #host: EntranceHost;
  readonly #dispatch: Dispatch;
  readonly #maintenance = new Maintenance();
  readonly #slumber: Slumber;
  readonly #hosts = new HostNotice();

  constructor(conf: SiteConf, host: EntranceHost) {
    this.#host = host;
    this.#slumber = new Slumber(idleStopOf(conf), {
      idle: () => this.#idle(),
      onAsleep: () => host.onAsleep(),
    });
    this.#dispatch = new Dispatch(conf, {
      takers: () => host.takers(),
      hopeless: () => this.#hopeless(),
      answering: () => this.#maintenance.page !== undefined,
      onStranded: (connection) => this.#onStranded(connection),
      giveUp: (connection) => host.giveUp(connection, this.#maintenance.page),
    });
  }

  /** Whether the site has no workers until somebody connects to it. */
  get asleep(): boolean {
    return this.#slumber.asleep;
  }

  /** What the status says of it. */
  status(): Pick<SiteStatus, 'parked' | 'paused' | 'maintenance'> {
    const { parkedCount, paused } = this.#dispatch;
    return { parked: parkedCount, ...(paused ? { paused } : {}), ...this.#maintenance.status() };
  }

  setConf(conf: SiteConf): void {
    this.#dispatch.setConf(conf);
    this.#slumber.setLimit(idleStopOf(conf));
  }

  /** Gives a connection to a worker, or parks it, or gives it up. */
  serve(connection: Connection): void {
    this.#dispatch.serve(connection);
    this.#slumber.look();
  }

  /** Gives connections to other workers that one did not take: because it is `gone`, or had no descriptor left. */
  serveAgain(connections: readonly Connection[], why: 'gone' | 'lost'): void {
    for (const connection of connections) {
      if (why === 'lost') this.#dispatch.serveLater(connection);
      else this.#dispatch.serve(connection);
    }
  }

  /** {@link serve} for one that a draining worker handed back, between two requests. */
  serveHandedBack(connection: Connection): void {
    this.#dispatch.serveKept(connection);
  }

  /** Whether there would be a use for one that a draining worker hands back. */
  get wantsHandedBack(): boolean {
    if (this.#hopeless()) return false;
    const parkable = !this.#dispatch.full && !this.#dispatch.paused && this.#maintenance.page === undefined;
    return parkable || this.#dispatch.hasTaker;
  }

  /** A worker has got ready, and may be given connections when this returns. */
  onReady(slot: Slot): void {
    this.#hosts.tellNew(slot);
    this.#maintenance.tellNew(slot);
  }

  /** Tells the workers which hosts lead to the site. */
  tellHosts(claims: SiteClaims[]): Promise<void> {
    // A worker that boots is told when it is ready.
    return this.#hosts.change(
      claims,
      this.#host.slots().filter(({ up }) => up),
    );
  }

  /** Whether the site is idle may have changed. */
  look(): void {
    this.#slumber.look();
  }

  /** Workers may take connections: offers them those that wait. */
  flush(): void {
    this.#dispatch.flush();
  }

  /** No worker will come soon: gives up what waits, but for what a pause holds. */
  giveUpWaiting(): void {
    if (!this.#dispatch.paused) this.#dispatch.giveUpAll();
  }

  /** The site stops: gives up all that waits or is held. */
  close(): void {
    this.#dispatch.close();
  }

  /** The site begins without workers. */
  fallAsleep(): void {
    this.#slumber.begin();
  }

  /** Whether it slept until now. */
  wake(): boolean {
    return this.#slumber.wake();
  }

  /** Holds new connections for up to so long, until {@link resume}; but for those that a maintenance answers. */
  pause(timeoutMs: number): void {
    this.#dispatch.pause(timeoutMs);
    this.#host.onChange();
  }

  /** Gives what was held to workers, in order. */
  resume(): { wasPaused: boolean; heldCount: number } {
    if (!this.#dispatch.paused) return { wasPaused: false, heldCount: 0 };
    const heldCount = this.#dispatch.resume();
    this.#host.onChange();
    return { wasPaused: true, heldCount };
  }

  /**
   * Answers every request with a notice's page, or no longer. Resolves with how many workers have not confirmed it in
   * time.
   * @throws {VhostError} ERR_MAINTENANCE_SERVER: nothing has changed.
   */
  async maintain(notice: Notice | undefined): Promise<number> {
    // A worker that boots is told when it is ready.
    const told = this.#maintenance.change(notice, () => this.#host.slots().filter(({ up }) => up));
    this.#dispatch.review();
    try {
      return await told;
    } finally {
      this.#host.onChange();
    }
  }

  #hopeless(): boolean {
    if (this.#dispatch.paused && this.#maintenance.page === undefined) return false;
    return this.#host.hopeless() || (this.asleep && this.#maintenance.page !== undefined);
  }

  /** Nobody can take a connection: it gets the page of a maintenance, or wakes the site. */
  #onStranded(connection: Connection): boolean {
    const { page } = this.#maintenance;
    if (page === undefined) {
      if (!this.#hopeless() && this.#slumber.wake()) this.#host.onWoken();
      return false;
    }
    // Between two requests there is nothing to answer; of TLS, only a worker can read what is asked.
    const answerable = connection.head !== '' && !connection.listener.secure;
    if (!answerable || this.#host.takers().some(({ ready }) => ready)) return false;
    this.#host.giveUp(connection, page);
    return true;
  }

  /** Serves, and nobody is connected or waits. */
  #idle(): boolean {
    if (!this.#host.settled() || this.#dispatch.parkedCount > 0) return false;
    return this.#host.slots().every(({ connectionCount }) => connectionCount === 0);
  }
}

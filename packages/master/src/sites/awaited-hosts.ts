// Requests for hosts that nobody has yet while a master starts its sites: a host comes when its site gets its places, or
// when a worker of the site names it, and clients of the master before this one ask at once.
import { ConnectionQueue } from '../dispatch/queue.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { Acceptor } from '../ingress/acceptor.js';

/** A site that is started. */
export interface AwaitedSite {
  readonly conf: Pick<SiteConf, 'parkMaxCount' | 'parkTimeoutMs'>;
  /** Whether hosts will lead to it that do not yet. */
  readonly awaitsHosts: boolean;
}

export class AwaitedHosts {
  readonly #acceptor: Pick<Acceptor, 'holdUnrouted' | 'route' | 'refuseUnrouted'>;
  readonly #sites: () => readonly AwaitedSite[];
  readonly #queue: ConnectionQueue;

  constructor(
    acceptor: Pick<Acceptor, 'holdUnrouted' | 'route' | 'refuseUnrouted' | 'dismiss'>,
    sites: () => readonly AwaitedSite[],
  ) {
    this.#acceptor = acceptor;
    this.#sites = sites;
    this.#queue = new ConnectionQueue(
      { maxCount: 0, timeoutMs: 0 },
      {
        onTimeout: (connection) => acceptor.refuseUnrouted(connection),
        onLeft: (connection) => acceptor.dismiss(connection),
      },
    );
  }

  subscribe(events: MasterEvents): void {
    for (const name of ['site.state', 'site.published'] as const) events.on(name, () => this.#look());
  }

  /** How many wait. */
  get count(): number {
    return this.#queue.count;
  }

  /** From now on such requests wait, as many and for as long as at the site that lets most of them wait longest. */
  begin(): void {
    const confs = this.#sites().map(({ conf }) => conf);
    this.#queue.setLimits({
      maxCount: Math.max(0, ...confs.map(({ parkMaxCount }) => parkMaxCount)),
      timeoutMs: Math.max(0, ...confs.map(({ parkTimeoutMs }) => parkTimeoutMs)),
    });
    this.#acceptor.holdUnrouted = (connection) => this.#isAwaiting() && this.#queue.park(connection);
  }

  /** Each site is published, or has failed. */
  end(): void {
    this.#acceptor.holdUnrouted = undefined;
    this.#look();
  }

  /** Hosts may have come, or may not come any more. */
  #look(): void {
    if (this.#queue.count === 0) return;
    this.#queue.sift((connection) => this.#acceptor.route(connection));
    if (this.#isAwaiting()) return;
    for (const connection of this.#queue.empty()) this.#acceptor.refuseUnrouted(connection);
  }

  #isAwaiting(): boolean {
    return this.#acceptor.holdUnrouted !== undefined && this.#sites().some(({ awaitsHosts }) => awaitsHosts);
  }
}

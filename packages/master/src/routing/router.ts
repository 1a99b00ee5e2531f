// The routing table in force and the listeners under it, changed together or not at all.
import { VhostError } from '@vhostd/protocol';
import type { ListeningInfo, SiteClaims } from '@vhostd/protocol';
import { losesHosts, sameClaims } from './claim-changes.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { Listener } from '../listeners/listener.js';
import { RouteTable } from './route-table.js';
import type { RouteTableResult } from './route-table.js';
import { placesOf } from './site-places.js';

/** What a host leads to. */
export interface RoutedSite {
  readonly siteId: string;
  /** Tells its workers which hosts lead to it; resolves once they have confirmed it, or have had time to. */
  tellHosts(claims: SiteClaims[]): Promise<void>;
}

/** The part of a conf that routing is about. */
type ListenConf = Pick<SiteConf, 'listen' | 'defaultListen'>;

export class Router<T extends RoutedSite> {
  readonly #listeners: ListenerRegistry;
  readonly #keys = new Map<T, Set<string>>();
  /** Those that get no places any more. */
  readonly #removed = new WeakSet<T>();
  #table: RouteTable<T>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(listeners: ListenerRegistry) {
    this.#listeners = listeners;
    const empty = RouteTable.build<T>([]);
    if ('conflict' in empty) throw new VhostError('ERR_ROUTE_CONFLICT', 'an empty table has a conflict');
    this.#table = empty.table;
  }

  /** The listener of a connection that comes back: the one of this key, else the one that has its port by now. */
  listenerOf(key: string, { address, port }: { address: string; port: number }): Listener | undefined {
    const listeners = this.#listeners.list().filter((listener) => this.#table.listener(listener.key));
    const onPort = listeners.filter(({ info }) => info.port === port);
    return (
      listeners.find((listener) => listener.key === key) ??
      onPort.find(({ info }) => info.address === address) ??
      onPort.find(({ address: of }) => of.ipaddress === undefined)
    );
  }

  /** The site of a host on a listener. */
  lookup(listenerKey: string, host: string | null): T | undefined {
    return this.#table.lookup(listenerKey, host);
  }

  /**
   * Gives a site the places of a conf: opens what it needs, swaps the table, closes what nobody needs any more.
   * One change at a time; where anything can't be had, nothing has changed. `next` is asked for the conf when it is
   * this change's turn; `onCommit` runs together with the swap.
   * @throws {VhostError} ERR_ROUTE_CONFLICT, ERR_LISTEN_*, ERR_SITE_STOPPED (it has been removed).
   */
  change<C extends ListenConf>(
    site: T,
    next: () => C,
    onCommit: (conf: C) => void,
  ): Promise<ListeningInfo[]> {
    const change = this.#last.then(() => {
      this.#refuseRemoved(site);
      return this.#change(site, next(), onCommit);
    });
    this.#last = change.catch(() => undefined);
    return change;
  }

  /** Runs `work` behind the changes under way, before those to come. */
  exclusively<R>(work: () => Promise<R>): Promise<R> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /**
   * Checks that a conf can be had at this moment, opening its listeners for a try. `next` is asked for it when it is
   * this check's turn: without one there is nothing to check and it resolves with false. `onChecked` runs within
   * that turn.
   * @throws {VhostError} as {@link change}.
   */
  check<C extends ListenConf>(
    site: T,
    next: () => C | undefined,
    onChecked: (conf: C) => void,
  ): Promise<boolean> {
    return this.exclusively(async () => {
      this.#refuseRemoved(site);
      const conf = next();
      if (conf === undefined) return false;
      const { addresses, places } = placesOf(conf);
      tableOf(this.#table.replaceTarget(site, places));
      await this.#listeners.open(addresses);
      this.#closeUnused();
      onChecked(conf);
      return true;
    });
  }

  /**
   * Forgets a site and closes what only it needed. With `others` the master goes on, and requests on connections that
   * the site's workers keep are for whoever has its hosts then. Nothing is changed for the site from now on.
   */
  remove(site: T, { others }: { others: boolean }): Promise<void> {
    this.#removed.add(site);
    return this.exclusively(async () => {
      const table = tableOf(this.#table.replaceTarget(site, []));
      await this.#swap(table, () => this.#keys.delete(site), others ? undefined : site);
      this.#closeUnused();
    });
  }

  /**
   * Puts a table into force. Workers that lose a host know of it before, those that win one hear of it behind: what a
   * worker is not sure of comes back, and is routed by the table. `except` is not told.
   */
  async #swap(table: RouteTable<T>, onSwap: () => void, except?: T): Promise<void> {
    const before = this.#table;
    const changes = [...table.targetsChangedFrom(before)]
      .filter((site) => site !== except)
      .map((site) => ({ site, from: before.claimsOf(site), to: table.claimsOf(site) }))
      .filter(({ from, to }) => !sameClaims(from, to));
    const losing = changes.filter(({ from, to }) => losesHosts(from, to));
    if (losing.length > 0) await Promise.all(losing.map(({ site, from, to }) => site.tellHosts([from, to])));
    this.#table = table;
    onSwap();
    for (const { site, to } of changes) void site.tellHosts([to]);
  }

  async #change<C extends ListenConf>(
    site: T,
    conf: C,
    onCommit: (conf: C) => void,
  ): Promise<ListeningInfo[]> {
    const { addresses, places } = placesOf(conf);
    const table = tableOf(this.#table.replaceTarget(site, places));
    await this.#listeners.open(addresses);
    await this.#swap(table, () => {
      this.#keys.set(site, new Set(places.map((place) => place.listenerKey)));
      onCommit(conf);
    });
    this.#closeUnused();
    return addresses.flatMap((address) => this.#listeners.get(address)?.info ?? []);
  }

  #refuseRemoved(site: T): void {
    if (!this.#removed.has(site)) return;
    const { siteId } = site;
    throw new VhostError('ERR_SITE_STOPPED', `site ${siteId} has been stopped: its conf can't be changed`, {
      info: { siteId },
    });
  }

  #closeUnused(): void {
    const used = new Set<string>();
    for (const keys of this.#keys.values()) for (const key of keys) used.add(key);
    this.#listeners.closeExcept(used);
  }
}

function tableOf<T extends RoutedSite>(result: RouteTableResult<T>): RouteTable<T> {
  if ('table' in result) return result.table;
  const { listenerKey, pattern, targets } = result.conflict;
  const [ip = '*', port = ''] = listenerKey.split('|');
  const what = pattern === null ? 'the default site' : `host ${pattern}`;
  const [holder, claimant] = targets;
  throw new VhostError(
    'ERR_ROUTE_CONFLICT',
    `${what} on port ${port}${ip === '*' ? '' : ` of ${ip}`} belongs to site ${holder.siteId}; ${claimant.siteId} cannot have it`,
    {
      info: {
        host: pattern,
        port: Number(port),
        ipaddress: ip,
        holder: holder.siteId,
        claimant: claimant.siteId,
      },
    },
  );
}

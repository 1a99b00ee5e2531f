// The routing table in force and the listeners under it, changed together or not at all.
import { setImmediate as turnOfLoop } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import type { ListeningInfo, SiteClaims } from '@vhostd/protocol';
import { losesHosts, sameClaims } from './claim-changes.js';
import { ConfClaims } from './conf-claims.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import { listenerKey as keyOf } from '../listeners/listener.js';
import type { Listener, ListenerAddress } from '../listeners/listener.js';
import { mostExact } from '../listeners/most-exact.js';
import { lostPlaces } from './lost-places.js';
import type { LostPlace, Upstream } from './lost-places.js';
import { movesBetween } from './moves.js';
import type { Move } from './moves.js';
import { RouteTable } from './route-table.js';
import type { RoutePlace } from './route-table.js';
import { Reservations } from './reservations.js';
import type { Reservation } from './reservations.js';
import { heldAddress, tableOf } from './route-conflict.js';
import { placesOf } from './site-places.js';
import { SocketHolders } from './socket-holders.js';

/** What a host leads to. */
export interface RoutedSite {
  readonly siteId: string;
  /** Tells its workers which hosts lead to it; resolves once they have confirmed it, or have had time to. */
  tellHosts(claims: SiteClaims[]): Promise<void>;
  /** What leads to it has changed: connections that it holds may be another one's by now. */
  onRoutesChanged(): void;
}

/** What a site is to have. */
export interface SiteChange<T extends RoutedSite> {
  readonly site: T;
  /**
   * Asked for the conf when it is the change's turn; undefined: it gets no places any more.
   * @throws {VhostError} why nothing is to change.
   */
  begin(): ListenConf | undefined;
  /** Called together with the swap, with what `begin` gave. */
  commit(): void;
}

/** A change of the table that is being made. */
interface TableChange<T> {
  /** Those whose places it is about. */
  readonly sites: readonly T[];
  /** What each of them is to have; undefined: nothing any more. Asked in each of its turns. */
  begin(): ReadonlyMap<T, ListenConf | undefined>;
  /** Called together with the swap. */
  commit(): void;
  /** Not told of its hosts. */
  readonly except?: T;
  /** What it takes from this machine, as the upstream was told. Absent: whoever makes the change has told it. */
  readonly drained?: Map<string, LostPlace>;
}

/** The part of a conf that routing is about. */
export type ListenConf = Pick<SiteConf, 'listen' | 'defaultListen'>;

export class Router<T extends RoutedSite> {
  readonly #listeners: ListenerRegistry;
  readonly #upstream: Upstream | undefined;
  /** What workers take from no other site. */
  readonly confs: ConfClaims<T> = new ConfClaims();
  /** Whose workers accept by themselves. */
  readonly holders: SocketHolders<T> = new SocketHolders();
  readonly #keys = new Map<T, Set<string>>();
  /** Those that get no places any more. */
  readonly #removed = new WeakSet<T>();
  /** Listeners that stay open, whether anybody has them or not. */
  #planned: ReadonlySet<string> = new Set();
  #table: RouteTable<T>;
  /** Sites whose workers are waited for. */
  readonly #reservations = new Reservations<T>();
  /** Listeners of changes under way. */
  readonly #held = new Map<Reservation<T>, readonly string[]>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(listeners: ListenerRegistry, upstream?: Upstream) {
    this.#listeners = listeners;
    this.#upstream = upstream;
    const empty = RouteTable.build<T>([]);
    if ('conflict' in empty) throw new VhostError('ERR_ROUTE_CONFLICT', 'an empty table has a conflict');
    this.#table = empty.table;
  }

  /**
   * The listener of a connection that came in at this address: the most exact one that has it by now, whichever had it
   * then; the one of this key where the address is not known any more.
   */
  listenerOf(key: string, { address, port }: { address: string; port: number }): Listener | undefined {
    const listeners = this.#listeners.list().filter(({ routed }) => routed);
    const ofPort = listeners.filter(({ info }) => info.port === port);
    return mostExact(ofPort, address) ?? listeners.find((listener) => listener.key === key);
  }

  /** The site of a host on a listener. */
  lookup(listenerKey: string, host: string | null): T | undefined {
    return this.#table.lookup(listenerKey, host);
  }

  /** The site of a connection that names no host before it belongs to a worker. */
  hostless(listenerKey: string): T | undefined {
    return this.#table.hostless(listenerKey);
  }

  /** The site that has a listener alone, and has its workers accept there. */
  exclusive(listenerKey: string): T | undefined {
    return this.#table.exclusive(listenerKey);
  }

  /** The port of HTTPS that requests in clear for a host are sent on to; undefined: they are served. */
  redirectOf(listenerKey: string, host: string | null): number | undefined {
    const to = this.#table.listener(listenerKey)?.redirectOf(host);
    return to === null ? HTTPS_PORT : to && (this.#listeners.get(to)?.info.port ?? to.port);
  }

  /** Whether a listener leads to anybody, and no other one can have what came in there. */
  leads(listenerKey: string): boolean {
    return this.#table.listener(listenerKey) !== undefined && this.#listeners.isSole(listenerKey);
  }

  /**
   * Gives sites the places of their confs, as one change: opens what they need, swaps the table, closes what nobody
   * needs any more. While it waits for workers, or for nobody to be led to what goes, changes of other sites are made;
   * where anything can't be had, nothing has changed.
   * @throws {VhostError} ERR_ROUTE_CONFLICT, ERR_LISTEN_*, ERR_SITE_STOPPED (one has been removed), what `begin` throws.
   */
  async change(changes: readonly SiteChange<T>[]): Promise<void> {
    const sites = changes.map(({ site }) => site);
    for (const site of sites) this.#refuseRemoved(site);
    await this.#make({
      sites,
      begin: () => {
        for (const site of sites) this.#refuseRemoved(site);
        return new Map(changes.map((change) => [change.site, change.begin()] as const));
      },
      commit: () => {
        for (const change of changes) change.commit();
      },
      drained: new Map(),
    });
  }

  /** The addresses of a site, as they are open. */
  listening(conf: ListenConf): ListeningInfo[] {
    return placesOf(conf).addresses.flatMap((address) => this.#listeners.get(address)?.info ?? []);
  }

  /**
   * Says what all sites are to have, soon: until it is said anew, what one of them gives up stays open for another one,
   * and of addresses on a port the widest is opened first.
   */
  plan(confs: readonly ListenConf[]): void {
    const addresses = confs.flatMap((conf) => placesOf(conf).addresses);
    this.#planned = new Set(addresses.map((address) => keyOf(address)));
    this.#listeners.plan(addresses);
    if (addresses.length === 0) void this.exclusively(async () => this.#closeUnused());
  }

  /**
   * What would move between sites if these had what is said here. Of two that want the same, one that asks for nothing
   * new has it, else the first.
   */
  moves(wants: ReadonlyMap<T, ListenConf | undefined>): Move<T>[] {
    let after = this.#table;
    // Who keeps what it has, has it before those that ask for something new: most do.
    const each = [...placesByTarget(wants)]
      .filter(([site, places]) => !this.#table.holdsExactly(site, places))
      .map((entry) => new Map([entry]));
    if (each.length === 0) return [];
    const none = new Map(
      each.flatMap((changes) => [...changes.keys()].map((site) => [site, [] as RoutePlace[]])),
    );
    const isNew = each.map((changes) => this.#changes(changes));
    const inTurn = [...each.filter((_, index) => !isNew[index]), ...each.filter((_, index) => isNew[index])];
    for (const changes of [none, ...inTurn]) {
      const result = after.replaceTargets(changes);
      if ('table' in result) after = result.table;
    }
    return movesBetween(this.#table, after);
  }

  /** Whether a site is to have just what it has: nothing moves between it and others by its own wish, nor jointly. */
  keepsPlaces(site: T, conf: ListenConf): boolean {
    return this.#table.holdsExactly(site, placesOf(conf).places);
  }

  #changes(places: ReadonlyMap<T, readonly RoutePlace[]>): boolean {
    const result = this.#table.replaceTargets(places);
    if ('conflict' in result) return true;
    const { table } = result;
    return [...places.keys()].some((site) => !sameClaims(this.#table.claimsOf(site), table.claimsOf(site)));
  }

  /** Runs `work` behind the changes under way, before those to come. Between two of them the event loop turns. */
  exclusively<R>(work: () => Promise<R>): Promise<R> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined).then(() => turnOfLoop());
    return done;
  }

  /**
   * Checks that a conf can be had at this moment, or together with what `others` are to have, opening its listeners for
   * a try. `next` is asked for it when it is this check's turn: without one there is nothing to check and it resolves
   * with false. `onChecked` runs within that turn.
   * @throws {VhostError} as {@link change}.
   */
  check<C extends ListenConf>(
    site: T,
    next: () => C | undefined,
    onChecked: (conf: C) => void,
    others: ReadonlyMap<T, ListenConf | undefined> = new Map(),
  ): Promise<boolean> {
    return this.exclusively(async () => {
      this.#refuseRemoved(site);
      const conf = next();
      if (conf === undefined) return false;
      const wanted = new Map([...others, [site, conf]]);
      const places = placesByTarget(wanted);
      this.#refuseHeld(places);
      tableOf(this.#table.replaceTargets(places));
      await this.#open(placesOf(conf).addresses);
      this.#closeUnused();
      onChecked(conf);
      return true;
    });
  }

  /**
   * Forgets a site and closes what only it needed. With `others` the master goes on, and requests on connections that
   * the site's workers keep are for whoever has its hosts then. Nothing is changed for the site from now on.
   */
  async remove(site: T, { others }: { others: boolean }): Promise<void> {
    this.#removed.add(site);
    this.confs.delete(site);
    await this.#make({
      sites: [site],
      begin: () => new Map([[site, undefined]]),
      commit: () => undefined,
      ...(others ? {} : { except: site }),
    });
  }

  /**
   * Makes a change, in as many turns as it takes. The upstream, then the workers that lose a host know of it before the
   * swap, those that win one hear of it behind: what a worker is not sure of comes back, and is routed by the table. No
   * turn waits for workers; whoever is changed by a change that does is changed by no other one.
   */
  async #make(change: TableChange<T>): Promise<void> {
    const reservation = this.#reservations.begin();
    try {
      for (;;) {
        const waits = await this.exclusively(() => this.#turn(change, reservation));
        if (waits === undefined) return;
        await waits();
      }
    } finally {
      // Those that were told of what has not come.
      for (const site of reservation.end()) void site.tellHosts([this.#table.claimsOf(site)]);
      const { drained } = change;
      if (drained !== undefined && drained.size > 0) this.#upstream?.undrainPlaces([...drained.values()]);
      if (this.#held.delete(reservation)) await this.exclusively(async () => this.#closeUnused());
    }
  }

  /** Swaps the table, or says what is to be waited for before the next turn. */
  async #turn(
    change: TableChange<T>,
    reservation: Reservation<T>,
  ): Promise<(() => Promise<unknown>) | undefined> {
    const { sites, except, drained } = change;
    if (reservation.isOthers(sites)) return () => reservation.whenFree(sites);
    const confs = change.begin();
    const places = placesByTarget(confs);
    this.#refuseHeld(places);
    const inTheWay = this.#inTheWay(places, reservation);
    if (inTheWay.length > 0) return () => reservation.whenFree(inTheWay);
    const table = tableOf(this.#table.replaceTargets(places));
    await this.#hold(confs, reservation);
    const changed = this.#changedBy(table, except);
    const changedSites = changed.map(({ site }) => site);
    if (reservation.isOthers(changedSites)) return () => reservation.whenFree(changedSites);
    const undrained = this.#undrained(drained, table);
    if (undrained.length > 0) {
      reservation.hold([...sites, ...changedSites], places);
      return async () => this.#upstream?.drainPlaces(undrained);
    }
    const untold = changed.filter(
      ({ site, from, to }) => losesHosts(from, to) && !reservation.knows(site, to),
    );
    if (untold.length > 0) {
      reservation.hold([...sites, ...changedSites], places);
      for (const { site, to } of untold) reservation.tell(site, to);
      return () => Promise.all(untold.map(({ site, from, to }) => site.tellHosts([from, to])));
    }
    this.#table = table;
    this.#listeners.route((key) => table.listener(key) !== undefined);
    for (const [site, conf] of confs) this.#settle(site, conf);
    change.commit();
    reservation.done();
    for (const { site, to } of changed) {
      void site.tellHosts([to]);
      site.onRoutesChanged();
    }
    this.#held.delete(reservation);
    this.#closeUnused();
    return undefined;
  }

  /** Whose hosts another change gives away, or takes, that this one wants as well: who is first has them. */
  #inTheWay(places: ReadonlyMap<T, readonly RoutePlace[]>, reservation: Reservation<T>): T[] {
    const pending = this.#reservations.pending(reservation);
    if (pending.size === 0) return [];
    return [places, new Map([...pending, ...places])].flatMap((wanted) => {
      const result = this.#table.replaceTargets(wanted);
      return 'conflict' in result
        ? result.conflict.targets.filter((target) => reservation.isOthers([target]))
        : [];
    });
  }

  /** Opens the listeners of a change, and keeps them open while it lasts. */
  async #hold(confs: ReadonlyMap<T, ListenConf | undefined>, reservation: Reservation<T>): Promise<void> {
    const addresses = [...confs.values()].flatMap((conf) =>
      conf === undefined ? [] : placesOf(conf).addresses,
    );
    await this.#open(addresses);
    this.#held.set(
      reservation,
      addresses.map((address) => keyOf(address)),
    );
  }

  /** Whose hosts another table changes, and how. */
  #changedBy(table: RouteTable<T>, except: T | undefined): { site: T; from: SiteClaims; to: SiteClaims }[] {
    return [...table.targetsChangedFrom(this.#table)]
      .filter((site) => site !== except)
      .map((site) => ({ site, from: this.#table.claimsOf(site), to: table.claimsOf(site) }))
      .filter(({ from, to }) => !sameClaims(from, to));
  }

  /** What another table has no more and the upstream has not been told of, which it is next. */
  #undrained(drained: Map<string, LostPlace> | undefined, table: RouteTable<T>): LostPlace[] {
    if (this.#upstream === undefined || drained === undefined) return [];
    const lost = [...lostPlaces(this.#table, table)].filter(([name]) => !drained.has(name));
    for (const [name, place] of lost) drained.set(name, place);
    return lost.map(([, place]) => place);
  }

  /** Notes what a site has by now. */
  #settle(site: T, conf: ListenConf | undefined): void {
    if (conf === undefined) {
      this.#keys.delete(site);
      this.#removed.add(site);
      this.confs.delete(site);
    } else this.#keys.set(site, new Set(placesOf(conf).places.map(({ listenerKey }) => listenerKey)));
  }

  /** Says whose address is in the way. */
  async #open(addresses: readonly ListenerAddress[]): Promise<void> {
    try {
      await this.#listeners.open(addresses);
    } catch (error) {
      if (!(error instanceof VhostError) || error.code !== 'ERR_LISTEN_OVERLAP') throw error;
      const { keys, ...info } = error.info;
      const inTheWay = new Set(Array.isArray(keys) ? keys : []);
      const holders = [...this.#keys].flatMap(([{ siteId }, ofSite]) =>
        [...ofSite].some((key) => inTheWay.has(key)) ? [siteId] : [],
      );
      throw new VhostError('ERR_LISTEN_OVERLAP', `${error.message} (open for: ${holders.join(', ')})`, {
        info: { ...info, holders },
      });
    }
  }

  #refuseHeld(places: ReadonlyMap<T, readonly RoutePlace[]>): void {
    for (const [site, ofSite] of places) {
      const held = this.holders.inTheWay(site, ofSite);
      if (held !== undefined) throw heldAddress(held.listenerKey, held.holder, site);
    }
  }

  #refuseRemoved(site: T): void {
    if (!this.#removed.has(site)) return;
    const { siteId } = site;
    throw new VhostError('ERR_SITE_STOPPED', `site ${siteId} has been stopped: its conf can't be changed`, {
      info: { siteId },
    });
  }

  #closeUnused(): void {
    const used = new Set(this.#planned);
    for (const keys of [...this.#keys.values(), ...this.#held.values()])
      for (const key of keys) used.add(key);
    this.#listeners.closeExcept(used);
  }
}

const HTTPS_PORT = 443;

function placesByTarget<T extends RoutedSite>(
  confs: ReadonlyMap<T, ListenConf | undefined>,
): Map<T, RoutePlace[]> {
  return new Map(
    Array.from(confs, ([site, conf]) => [site, conf === undefined ? [] : placesOf(conf).places] as const),
  );
}

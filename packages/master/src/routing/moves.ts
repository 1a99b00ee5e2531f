// Which sites a change of routes concerns together: those between which hosts, defaults or addresses move. Pure.
import { mostExact } from '../listeners/most-exact.js';
import { formatHostPattern } from '../hosts/host-pattern.js';
import type { HostPattern } from '../hosts/host-pattern.js';
import type { ListenerIndex, RouteTarget } from './listener-index.js';
import type { RouteTable } from './route-table.js';

/** One thing that moves, in the words of a conf. */
export interface Move<T extends RouteTarget> {
  readonly from: T;
  readonly to: T;
  /**
   * Both must change at once: the one keeps nothing by which it had it, and the other had nothing by which it gets it; or
   * both go from one address to a wider or narrower one.
   */
  readonly joint: boolean;
  /** They keep what leads to them, at another address. */
  readonly together?: true;
  /** Null: the default. */
  readonly host: string | null;
  readonly port: string;
}

/**
 * What leads to one target before, and to another one after. It is looked up, not compared: a host also moves where a
 * wildcard, a default, or a more exact address takes it.
 */
export function movesBetween<T extends RouteTarget>(before: RouteTable<T>, after: RouteTable<T>): Move<T>[] {
  const moves: Move<T>[] = [];
  const companions = new Companions(before, after);
  const ports = new Map<string, Set<string>>();
  for (const key of [...before.listenerKeys(), ...after.listenerKeys()]) {
    const { ip, port } = partsOf(key);
    ports.set(port, (ports.get(port) ?? new Set()).add(ip));
  }
  for (const [port, ips] of ports) {
    const views = [before, after].map((table) => new PortView(table, port));
    const [was, is] = views;
    if (was === undefined || is === undefined) continue;
    for (const ip of ips) {
      const probes = new Map(
        views.flatMap((view) => view.patterns(ip)).map((pattern) => [probeOf(pattern), pattern]),
      );
      for (const [host, pattern] of probes) {
        const [had, has] = [was.find(ip, host), is.find(ip, host)];
        if (had === undefined || has === undefined) continue;
        const what = pattern === null ? null : formatHostPattern(pattern);
        const move = { from: had.target, host: what, port };
        if (had.target !== has.target) {
          moves.push({ ...move, to: has.target, joint: !is.holds(had) && !was.holds(has) });
        } else if (had.key !== has.key) {
          for (const to of companions.of(had, has)) moves.push({ ...move, to, joint: true, together: true });
        }
      }
    }
  }
  return moves;
}

/**
 * Those that go with a target from one address to a wider or narrower one: while some are on the narrower, the hosts of
 * the others have nobody there.
 */
class Companions<T extends RouteTarget> {
  readonly #before: RouteTable<T>;
  readonly #after: RouteTable<T>;
  /** One of those of each way that was asked for. */
  readonly #known = new Map<string, T>();

  constructor(before: RouteTable<T>, after: RouteTable<T>) {
    this.#before = before;
    this.#after = after;
  }

  /** All of them the first time; from then on one of them, who is with all the others. */
  of(had: Found<T>, has: Found<T>): Iterable<T> {
    const way = `${had.key} ${has.key}`;
    const known = this.#known.get(way);
    if (known !== undefined) return known === had.target ? [] : [known];
    this.#known.set(way, had.target);
    const all = new Set([
      ...without(this.#before.listener(had.key), this.#after.listener(had.key)),
      ...without(this.#after.listener(has.key), this.#before.listener(has.key)),
    ]);
    all.delete(had.target);
    return all;
  }
}

/** The targets of one listener that are not those of another one. */
function without<T extends RouteTarget>(
  index: ListenerIndex<T> | undefined,
  other: ListenerIndex<T> | undefined,
): T[] {
  const others = new Set(other?.targets() ?? []);
  return [...(index?.targets() ?? [])].filter((target) => !others.has(target));
}

/**
 * The targets that must change at once; each is in one group at most. A target that has nothing before is in a group,
 * alone if need be, when it takes something from anybody.
 */
export function groupsOf<T extends RouteTarget>(
  moves: readonly Move<T>[],
  hasNothing: (target: T) => boolean,
): Set<T>[] {
  const groupOf = new Map<T, Set<T>>();
  for (const { from, to, joint } of moves) {
    if (!joint) {
      if (hasNothing(to) && !groupOf.has(to)) groupOf.set(to, new Set([to]));
      continue;
    }
    const [one, other] = [from, to].map((target) => groupOf.get(target) ?? new Set([target])) as [
      Set<T>,
      Set<T>,
    ];
    if (one === other) continue;
    const [smaller, larger] = one.size < other.size ? [one, other] : [other, one];
    if (larger.size === 1) groupOf.set(larger === one ? from : to, larger);
    for (const target of smaller) groupOf.set(target, larger.add(target));
  }
  return [...new Set(groupOf.values())];
}

/** Who has a host, and by what. */
interface Found<T extends RouteTarget> {
  readonly target: T;
  readonly key: string;
  readonly pattern: string | null;
}

/** What a table says of the listeners on one port. */
class PortView<T extends RouteTarget> {
  readonly #table: RouteTable<T>;
  readonly #listeners: { key: string; address: { ipaddress?: string } }[];

  constructor(table: RouteTable<T>, port: string) {
    this.#table = table;
    this.#listeners = table
      .listenerKeys()
      .map((key) => ({ key, ...partsOf(key) }))
      .filter((listener) => listener.port === port)
      .map(({ key, ip }) => ({ key, address: ip === ANY ? {} : { ipaddress: ip } }));
  }

  patterns(ip: string): (HostPattern | null)[] {
    return this.#table.listener(this.#keyAt(ip))?.patterns() ?? [];
  }

  find(ip: string, host: string | null): Found<T> | undefined {
    const key = this.#keyAt(ip);
    const found = this.#table.listener(key)?.find(host);
    return found && { ...found, key };
  }

  /** Whether the target has that place here, too. */
  holds({ key, pattern, target }: Found<T>): boolean {
    return this.#table.listener(key)?.holder(pattern) === target;
  }

  /** The listener of a connection that comes in at this address; for a wide one, at one of it that nobody has named. */
  #keyAt(ip: string): string {
    return mostExact(this.#listeners, ip)?.key ?? '';
  }
}

/** A host for which the same goes as for all that this pattern, and none more exact, stands for. */
function probeOf(pattern: HostPattern | null): string | null {
  if (pattern === null) return null;
  return pattern.kind === 'exact' ? pattern.host : `${NO_LABEL}.${pattern.host}`;
}

function partsOf(listenerKey: string): { ip: string; port: string } {
  const split = listenerKey.indexOf('|');
  return { ip: listenerKey.slice(0, split), port: listenerKey.slice(split + 1) };
}

/** Stands for every address in the key of a listener. */
const ANY = '*';
/** A label that no conf can name. */
const NO_LABEL = '!';

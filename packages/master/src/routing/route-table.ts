// Who serves which host on which listener, as one immutable value that is swapped whole.
import type { SiteClaims } from '@vhostd/protocol';
import { exclusiveConflict } from './exclusive-addresses.js';
import { ListenerIndex } from './listener-index.js';
import type { PlacesByTarget, RouteClaim, RouteConflict, RoutePlace, RouteTarget } from './listener-index.js';

export type { RouteClaim, RouteConflict, RoutePlace, RouteTarget } from './listener-index.js';

/** A table, or what two targets both claim; the table that was there before is not touched by a conflict. */
export type RouteTableResult<T extends RouteTarget> =
  { table: RouteTable<T> } | { conflict: RouteConflict<T> };

/** Immutable routing table. */
export class RouteTable<T extends RouteTarget> {
  readonly #listeners: ReadonlyMap<string, ListenerIndex<T>>;

  private constructor(listeners: ReadonlyMap<string, ListenerIndex<T>>) {
    this.#listeners = listeners;
  }

  /** Builds a table from all claims; the same pattern of one listener claimed by two targets is a conflict. */
  static build<T extends RouteTarget>(claims: readonly RouteClaim<T>[]): RouteTableResult<T> {
    const listeners = new Map<string, ListenerIndex<T>>();
    for (const [listenerKey, ofListener] of groupBy(claims, (claim) => claim.listenerKey)) {
      const result = ListenerIndex.build(groupBy(ofListener, (claim) => claim.target));
      if ('conflict' in result) return result;
      listeners.set(listenerKey, result.index);
    }
    return { table: new RouteTable(listeners) };
  }

  /**
   * The target of a normalized host (null: none stated) on a listener: exact host, then the longest
   * `*.suffix`, then the listener's default; undefined when nobody claims it.
   */
  lookup(listenerKey: string, host: string | null): T | undefined {
    return this.#listeners.get(listenerKey)?.lookup(host);
  }

  /** Who gets a connection of this listener before it names a host: its only target, else its default. */
  hostless(listenerKey: string): T | undefined {
    return this.#listeners.get(listenerKey)?.hostless();
  }

  /** Who has a listener alone, and has its workers accept there. */
  exclusive(listenerKey: string): T | undefined {
    return this.#listeners.get(listenerKey)?.exclusive();
  }

  /**
   * The table in which these targets hold exactly these places (none: it is gone), as one change: what one of them gives
   * up, another one may have. Only the listeners on which that is something else get a new index; the others are shared
   * with this table.
   */
  replaceTargets(changes: PlacesByTarget<T>): RouteTableResult<T> {
    const listeners = new Map(this.#listeners);
    for (const [listenerKey, ofListener] of this.#byListener(changes)) {
      const index = this.#listeners.get(listenerKey);
      for (const [target, places] of ofListener) {
        if (samePlaces(index?.placesOf(target) ?? [], places)) ofListener.delete(target);
      }
      if (ofListener.size === 0) continue;
      const result = index?.replace(ofListener) ?? ListenerIndex.build(ofListener);
      if ('conflict' in result) return result;
      if (result.index.targetCount === 0) listeners.delete(listenerKey);
      else listeners.set(listenerKey, result.index);
    }
    const conflict = exclusiveConflict(listeners);
    return conflict === undefined ? { table: new RouteTable(listeners) } : { conflict };
  }

  /** What leads to a target on each listener that it is on. */
  claimsOf(target: T): SiteClaims {
    const claims: SiteClaims = {};
    for (const [listenerKey, index] of this.#listeners) {
      if (index.has(target)) claims[listenerKey] = index.claimsOf(target);
    }
    return claims;
  }

  /** The targets of which {@link claimsOf} may say something else than in another table, and few others. */
  targetsChangedFrom(before: RouteTable<T>): Set<T> {
    const targets = new Set<T>();
    for (const key of new Set([...this.#listeners.keys(), ...before.#listeners.keys()])) {
      const [was, is] = [before.#listeners.get(key), this.#listeners.get(key)];
      if (was === is) continue;
      const changed = is?.targetsChangedFrom(was) ?? was?.targets() ?? [];
      for (const target of changed) targets.add(target);
    }
    return targets;
  }

  /** Whether a target holds exactly these places. */
  holdsExactly(target: T, places: readonly RoutePlace[]): boolean {
    const changes = this.#byListener(new Map([[target, places]]));
    return [...changes].every(([listenerKey, ofListener]) =>
      samePlaces(this.#listeners.get(listenerKey)?.placesOf(target) ?? [], ofListener.get(target) ?? []),
    );
  }

  /** The index of one listener; the same object in both tables as long as no change concerned it. */
  listener(listenerKey: string): ListenerIndex<T> | undefined {
    return this.#listeners.get(listenerKey);
  }

  /** How many distinct targets claim anything on this listener; 1 means that it belongs to one site alone. */
  targetCount(listenerKey: string): number {
    return this.#listeners.get(listenerKey)?.targetCount ?? 0;
  }

  /** The keys of every listener that leads to somebody. */
  listenerKeys(): string[] {
    return [...this.#listeners.keys()];
  }

  /** What the changes come to on each listener that they concern. */
  #byListener(changes: PlacesByTarget<T>): Map<string, Map<T, readonly RoutePlace[]>> {
    const byListener = new Map<string, Map<T, readonly RoutePlace[]>>();
    const set = (listenerKey: string, target: T, places: readonly RoutePlace[]): void => {
      const ofListener = byListener.get(listenerKey) ?? new Map<T, readonly RoutePlace[]>();
      byListener.set(listenerKey, ofListener.set(target, places));
    };
    for (const [target, places] of changes) {
      for (const [listenerKey, index] of this.#listeners) if (index.has(target)) set(listenerKey, target, []);
      for (const [listenerKey, ofListener] of groupBy(places, (place) => place.listenerKey)) {
        set(listenerKey, target, ofListener);
      }
    }
    return byListener;
  }
}

function samePlaces(some: readonly RoutePlace[], others: readonly RoutePlace[]): boolean {
  if (some === others) return true;
  return some.length === others.length && some.every((place, index) => samePlace(place, others[index]));
}

function samePlace(one: RoutePlace, other: RoutePlace | undefined): boolean {
  return (
    other !== undefined &&
    one.listenerKey === other.listenerKey &&
    one.pattern?.kind === other.pattern?.kind &&
    one.pattern?.host === other.pattern?.host &&
    one.direct === other.direct &&
    JSON.stringify(one.redirect) === JSON.stringify(other.redirect)
  );
}

function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}

// The routing index of one listener: which target a host belongs to. Immutable; a change builds the next.
import { formatHostPattern } from '../hosts/host-pattern.js';
import type { HostClaims } from '@vhostd/protocol';
import type { HostPattern } from '../hosts/host-pattern.js';
import type { ListenerAddress } from '../listeners/listener.js';

/** What a host leads to: a site id, or an object that lives as long as its site. Compared by identity. */
export type RouteTarget = string | object;

/** What can be claimed: a host pattern on a listener; `pattern` null is the listener's default. */
export interface RoutePlace {
  readonly listenerKey: string;
  readonly pattern: HostPattern | null;
  /** Requests are sent on to HTTPS: to this listener, or with null to its usual port. Absent: they are served. */
  readonly redirect?: ListenerAddress | null;
  /** Its workers accept there by themselves: the target has the address alone. */
  readonly direct?: true;
}

/** One target's claim to a place. */
export interface RouteClaim<T extends RouteTarget> extends RoutePlace {
  readonly target: T;
}

/** Two targets that claim one place, the earlier one first; `pattern` is in its conf spelling, null for the listener's default. */
export interface RouteConflict<T extends RouteTarget> {
  readonly listenerKey: string;
  readonly pattern: string | null;
  readonly targets: readonly [T, T];
  /** The earlier one has the address alone. */
  readonly exclusive?: true;
}

/** A built index, or the first conflict that was met. */
export type ListenerIndexResult<T extends RouteTarget> =
  { index: ListenerIndex<T> } | { conflict: RouteConflict<T> };

/** Who claims what on one listener. */
export type PlacesByTarget<T extends RouteTarget> = ReadonlyMap<T, readonly RoutePlace[]>;

/**
 * Finds a host's target in at most one map look-up per label and one more: the cost does not depend on how
 * many hosts are claimed.
 */
export class ListenerIndex<T extends RouteTarget> {
  readonly #exact: Map<string, T>;
  readonly #suffix: Map<string, T>;
  #defaultTarget: T | undefined;
  #exclusiveTarget: T | undefined;
  /** Where the patterns lead, in conf spelling, that are not served; null: the default. */
  readonly #redirects: Map<string | null, ListenerAddress | null>;
  /** What each target holds, to be released when it changes. */
  readonly #places: Map<T, readonly RoutePlace[]>;

  private constructor(origin: ListenerIndex<T> | null) {
    this.#exact = new Map(origin === null ? null : origin.#exact);
    this.#suffix = new Map(origin === null ? null : origin.#suffix);
    this.#defaultTarget = origin === null ? undefined : origin.#defaultTarget;
    this.#exclusiveTarget = origin === null ? undefined : origin.#exclusiveTarget;
    this.#redirects = new Map(origin === null ? null : origin.#redirects);
    this.#places = new Map(origin === null ? null : origin.#places);
  }

  /** A target may claim the same pattern twice; two targets may not. */
  static build<T extends RouteTarget>(places: PlacesByTarget<T>): ListenerIndexResult<T> {
    const index = new ListenerIndex<T>(null);
    for (const [target, ofTarget] of places) {
      const conflict = index.#claimAll(target, ofTarget);
      if (conflict !== undefined) return { conflict };
    }
    return { index };
  }

  /**
   * The index in which these targets hold exactly these places, whatever of them was another one's before; costs a copy
   * of the maps, not a build.
   */
  replace(changes: PlacesByTarget<T>): ListenerIndexResult<T> {
    const index = new ListenerIndex<T>(this);
    for (const target of changes.keys()) index.#release(target);
    for (const [target, places] of changes) {
      const conflict = index.#claimAll(target, places);
      if (conflict !== undefined) return { conflict };
    }
    return { index };
  }

  /** How many distinct targets claim anything. */
  get targetCount(): number {
    return this.#places.size;
  }

  /** Who has the address alone, if anybody. */
  get exclusiveTarget(): T | undefined {
    return this.#exclusiveTarget;
  }

  /** Whether the target claims anything. */
  has(target: T): boolean {
    return this.#places.has(target);
  }

  /** What a target claims. */
  placesOf(target: T): readonly RoutePlace[] {
    return this.#places.get(target) ?? [];
  }

  /**
   * The targets of either index of which {@link claimsOf} may say something else: whose own places are others, and those to
   * whose wildcards or default such a place is an exception. Costs a comparison of pointers for each target, no more.
   */
  targetsChangedFrom(before: ListenerIndex<T> | undefined): Set<T> {
    const changed = new Set<T>();
    const hosts = new Set<string>();
    const note = (target: T, places: readonly RoutePlace[]): void => {
      changed.add(target);
      for (const { pattern } of places) if (pattern !== null) hosts.add(pattern.host);
    };
    const was = before === undefined ? new Map<T, readonly RoutePlace[]>() : before.#places;
    for (const [target, places] of this.#places) if (was.get(target) !== places) note(target, places);
    for (const [target, places] of was) if (this.#places.get(target) !== places) note(target, places);
    if (changed.size === 0) return changed;
    for (const index of before === undefined ? [this] : [before, this]) {
      if (index.#defaultTarget !== undefined) changed.add(index.#defaultTarget);
      for (const host of hosts) for (const holder of index.#holdersAbove(host)) changed.add(holder);
    }
    return changed;
  }

  /** Every target that claims anything. */
  targets(): T[] {
    return [...this.#places.keys()];
  }

  /** Every pattern that is claimed; null: the default. */
  patterns(): (HostPattern | null)[] {
    return [...this.#places.values()].flatMap((places) => places.map(({ pattern }) => pattern));
  }

  /** What leads to a target, and what leads to others although its own patterns match. Patterns in conf spelling. */
  claimsOf(target: T): HostClaims {
    const own: string[] = [];
    const suffixes: string[] = [];
    const redirected: string[] = [];
    for (const { pattern, redirect } of this.#places.get(target) ?? []) {
      if (pattern === null) continue;
      // Its workers must not answer for it: they hand it back.
      (redirect === undefined ? own : redirected).push(formatHostPattern(pattern));
      if (pattern.kind === 'suffix') suffixes.push(`.${pattern.host}`);
    }
    const isDefault = this.#defaultTarget === target && !this.#redirects.has(null);
    const others = redirected;
    if (isDefault || suffixes.length > 0) {
      for (const [other, places] of this.#places) {
        if (other === target) continue;
        for (const { pattern } of places) {
          if (pattern === null) continue;
          if (isDefault || suffixes.some((suffix) => pattern.host.endsWith(suffix))) {
            others.push(formatHostPattern(pattern));
          }
        }
      }
    }
    return { isDefault, own: [...new Set(own)].toSorted(), others: [...new Set(others)].toSorted() };
  }

  /** `host` is normalized, null when none was stated: exact, then the longest `*.suffix`, then the default. */
  lookup(host: string | null): T | undefined {
    if (host === null) return this.#defaultTarget;
    return this.#exact.get(host) ?? this.#lookupSuffix(host) ?? this.#defaultTarget;
  }

  /** Who gets what names no host at all, and can be for one site only: the only one that there is, else the default. */
  hostless(): T | undefined {
    const [only, another] = this.#places.keys();
    const target = another === undefined ? only : this.#defaultTarget;
    const places = target === undefined ? [] : (this.#places.get(target) ?? []);
    return places.some(({ redirect }) => redirect === undefined) ? target : undefined;
  }

  /** Who has the address alone, and has its workers accept there. */
  exclusive(): T | undefined {
    return this.#exclusiveTarget;
  }

  /** Where requests for a host are sent on to; null: the usual port of HTTPS; undefined: they are served. */
  redirectOf(host: string | null): ListenerAddress | null | undefined {
    if (this.#redirects.size === 0) return undefined;
    const found = this.find(host);
    return found && this.#redirects.get(found.pattern);
  }

  /** {@link lookup} with the pattern by which the host leads there, in conf spelling; null: it is the default. */
  find(host: string | null): { target: T; pattern: string | null } | undefined {
    const target = this.lookup(host);
    if (target === undefined) return undefined;
    if (host === null) return { target, pattern: null };
    if (this.#exact.has(host)) return { target, pattern: host };
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const suffix = host.slice(dot + 1);
      if (this.#suffix.has(suffix)) return { target, pattern: `*.${suffix}` };
    }
    return { target, pattern: null };
  }

  /** Who has a pattern in conf spelling; null: the default. */
  holder(pattern: string | null): T | undefined {
    if (pattern === null) return this.#defaultTarget;
    return pattern.startsWith('*.') ? this.#suffix.get(pattern.slice(2)) : this.#exact.get(pattern);
  }

  /** Whose wildcards a host, or a wildcard of it, is below. */
  *#holdersAbove(host: string): Generator<T> {
    if (this.#suffix.size === 0) return;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const target = this.#suffix.get(host.slice(dot + 1));
      if (target !== undefined) yield target;
    }
  }

  #lookupSuffix(host: string): T | undefined {
    if (this.#suffix.size === 0) return undefined;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const target = this.#suffix.get(host.slice(dot + 1));
      if (target !== undefined) return target;
    }
    return undefined;
  }

  #claimAll(target: T, places: readonly RoutePlace[]): RouteConflict<T> | undefined {
    for (const place of places) {
      const holder = this.#claim(place.pattern, target);
      if (holder !== target) return conflictOf(place, holder, target);
      if (place.direct === true) this.#exclusiveTarget ??= target;
      if (place.redirect !== undefined) this.#redirects.set(nameOf(place.pattern), place.redirect);
    }
    if (places.length > 0) this.#places.set(target, places);
    return undefined;
  }

  /** Returns who holds the pattern afterwards: the claimant, or the one who was there first. */
  #claim(pattern: HostPattern | null, target: T): T {
    if (pattern === null) return (this.#defaultTarget ??= target);
    const map = this.#mapOf(pattern);
    const holder = map.get(pattern.host);
    if (holder !== undefined) return holder;
    map.set(pattern.host, target);
    return target;
  }

  #release(target: T): void {
    if (this.#exclusiveTarget === target) this.#exclusiveTarget = undefined;
    for (const { pattern } of this.#places.get(target) ?? []) {
      this.#redirects.delete(nameOf(pattern));
      if (pattern === null) this.#defaultTarget = undefined;
      else this.#mapOf(pattern).delete(pattern.host);
    }
    this.#places.delete(target);
  }

  #mapOf(pattern: HostPattern): Map<string, T> {
    return pattern.kind === 'exact' ? this.#exact : this.#suffix;
  }
}

function conflictOf<T extends RouteTarget>(place: RoutePlace, holder: T, claimant: T): RouteConflict<T> {
  return {
    listenerKey: place.listenerKey,
    pattern: nameOf(place.pattern),
    targets: [holder, claimant],
  };
}

function nameOf(pattern: HostPattern | null): string | null {
  return pattern === null ? null : formatHostPattern(pattern);
}

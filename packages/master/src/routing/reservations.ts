// Who is being changed by a change of routes that waits for workers, so that no other one changes the same sites
// meanwhile. A change that has to wait for another one holds nobody itself.
import type { SiteClaims } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import { sameClaims } from './claim-changes.js';
import type { RoutePlace } from './route-table.js';

/** Where sites are to be. */
type Places<T> = ReadonlyMap<T, readonly RoutePlace[]>;

/** A site that is held. */
interface Held<T> {
  readonly by: Reservation<T>;
  readonly free: Deferred<void>;
}

export class Reservations<T> {
  readonly #held = new Map<T, Held<T>>();

  begin(): Reservation<T> {
    return new Reservation(this.#held);
  }

  /** What the changes that hold somebody are about to make, but for one. */
  pending(except: Reservation<T>): Map<T, readonly RoutePlace[]> {
    const holders = new Set([...this.#held.values()].map(({ by }) => by));
    return new Map([...holders].filter((by) => by !== except).flatMap(({ places }) => [...places]));
  }
}

/** What one change holds. */
export class Reservation<T> {
  readonly #all: Map<T, Held<T>>;
  /** What each site was told that it will have. */
  readonly #told = new Map<T, SiteClaims>();
  #places: Places<T> = new Map();

  constructor(all: Map<T, Held<T>>) {
    this.#all = all;
  }

  /** What the change gives, while it holds somebody. */
  get places(): Places<T> {
    return this.#places;
  }

  /** Whether another change holds one of these. */
  isOthers(sites: readonly T[]): boolean {
    return this.#others(sites).length > 0;
  }

  /** Lets go of its own, and resolves once none of these is held by those that hold them now. */
  async whenFree(sites: readonly T[]): Promise<void> {
    this.#release();
    await Promise.all(this.#others(sites).map(({ free }) => free.promise));
  }

  /** Holds these, of which no other one holds any, while it makes this of them. */
  hold(sites: readonly T[], places: Places<T>): void {
    this.#places = places;
    for (const site of sites)
      if (!this.#all.has(site)) this.#all.set(site, { by: this, free: new Deferred() });
  }

  /** A site that it holds is being told that it will have this. */
  tell(site: T, to: SiteClaims): void {
    this.#told.set(site, to);
  }

  /** Whether a site was told just that, and has been held since. */
  knows(site: T, to: SiteClaims): boolean {
    const told = this.#told.get(site);
    return this.#all.get(site)?.by === this && told !== undefined && sameClaims(told, to);
  }

  /** What was told has come. */
  done(): void {
    this.#told.clear();
  }

  /** Lets go of all; returns the sites that were told of what has not come. */
  end(): T[] {
    this.#release();
    return [...this.#told.keys()];
  }

  #others(sites: readonly T[]): Held<T>[] {
    return sites.flatMap((site) => {
      const held = this.#all.get(site);
      return held === undefined || held.by === this ? [] : [held];
    });
  }

  #release(): void {
    for (const [site, { by, free }] of this.#all) {
      if (by !== this) continue;
      this.#all.delete(site);
      free.resolve();
    }
  }
}

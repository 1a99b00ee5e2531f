// Sites between which hosts move: each prepares what it is to be, and when all have, their routes change at once. If
// one can't, none of them changes.
import { fromWireError, toWireError, VhostError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import type { ListenConf, RoutedSite, SiteChange } from '../routing/router.js';

/** Makes changes of several sites as one. */
export interface Changes<T extends RoutedSite> {
  change(changes: readonly SiteChange<T>[]): Promise<void>;
}

export class JointChange<T extends RoutedSite> {
  readonly #changes: Changes<T>;
  /** What each is to have; undefined: nothing any more. */
  readonly #wants: ReadonlyMap<T, ListenConf | undefined>;
  readonly #ready = new Map<T, { change: SiteChange<T>; done: Deferred<void> }>();
  readonly #prepared: Map<T, Deferred<void>>;
  /** Resolves where one can't take its part. */
  readonly #failed = new Deferred<void>();
  #failure: { site: T; error: WireError } | undefined;
  #begun = false;

  constructor(changes: Changes<T>, wants: ReadonlyMap<T, ListenConf | undefined>) {
    this.#changes = changes;
    this.#wants = wants;
    this.#prepared = new Map(Array.from(wants.keys(), (site) => [site, new Deferred<void>()] as const));
  }

  /** What the others are to have. */
  others(site: T): Map<T, ListenConf | undefined> {
    const others = new Map(this.#wants);
    others.delete(site);
    return others;
  }

  /** Resolves once a site is ready for the change, or can't be. */
  async prepared(site: T): Promise<void> {
    await this.#prepared.get(site)?.promise;
  }

  /** Resolves with why a site's own preparations are in vain; never, where they are not. */
  async failureOf(site: T): Promise<WireError> {
    await this.#failed.promise;
    const failure = this.#failure;
    return failure === undefined || failure.site === site
      ? (failure?.error ?? UNCHANGED)
      : toWireError(this.#errorFor(site, failure));
  }

  /**
   * A site is ready for its part. Resolves when all have been changed.
   * @throws {VhostError} ERR_ROUTE_MOVES: another one could not be had; else what the change throws. Nothing is changed.
   */
  async join(change: SiteChange<T>): Promise<void> {
    const { site } = change;
    this.#prepared.get(site)?.resolve();
    if (this.#failure !== undefined) throw this.#errorFor(site, this.#failure);
    const done = new Deferred<void>();
    this.#ready.set(site, { change, done });
    if (this.#ready.size === this.#wants.size) void this.#begin();
    await done.promise;
  }

  /** A site can't take its part, or has not taken it. Too late once the change is made. */
  fail(site: T, error: WireError = UNCHANGED): void {
    this.#prepared.get(site)?.resolve();
    if (this.#begun || this.#failure !== undefined) return;
    this.#failure = { site, error };
    this.#failed.resolve();
    for (const [other, { done }] of this.#ready) {
      done.reject(other === site ? fromWireError(error) : this.#errorFor(other, this.#failure));
    }
  }

  async #begin(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#begun = true;
    const all = [...this.#ready.values()];
    try {
      await this.#changes.change(all.map(({ change }) => change));
      for (const { done } of all) done.resolve();
    } catch (error) {
      for (const { done } of all) done.reject(error);
    }
  }

  #errorFor(site: T, { site: failed, error }: { site: T; error: WireError }): VhostError {
    return new VhostError(
      'ERR_ROUTE_MOVES',
      `hosts move between ${site.siteId} and ${failed.siteId}, which failed: ${error.message}`,
      { info: { siteId: failed.siteId, code: error.code } },
    );
  }
}

const UNCHANGED: WireError = { code: 'ERR_ROUTE_MOVES', message: 'it has not been changed' };

// What a change of routes takes from this machine, and whoever leads clients here from outside, who has to know of it before.
import { formatHostPattern } from '../hosts/host-pattern.js';
import type { RouteTable } from './route-table.js';

/** A host on a port that leads to a site, and is to lead to nobody here. */
export interface LostPlace {
  readonly siteId: string;
  /** As in a conf; `*`: the default of an address. */
  readonly host: string;
  readonly port: number;
}

/** Whoever leads clients to this machine. */
export interface Upstream {
  /** Has nobody led to these places; resolves when that is known, or can't be told. Never rejects. */
  drainPlaces(places: readonly LostPlace[]): Promise<void>;
  /** Those of them that are there by now are led to again. */
  undrainPlaces(places: readonly LostPlace[]): void;
}

/** By a name of each. What one site gives to another is not lost. */
export function lostPlaces<T extends { readonly siteId: string }>(
  before: RouteTable<T>,
  after: RouteTable<T>,
): Map<string, LostPlace> {
  const lost = new Map<string, LostPlace>();
  for (const key of before.listenerKeys()) {
    const [was, is] = [before.listener(key), after.listener(key)];
    if (was === undefined || was === is) continue;
    const port = Number(key.split('|')[1]);
    const changed = is?.targetsChangedFrom(was) ?? was.targets();
    for (const { pattern } of [...changed].flatMap((target) => was.placesOf(target))) {
      const name = pattern === null ? null : formatHostPattern(pattern);
      const target = was.holder(name);
      if (target === undefined || is?.holder(name) !== undefined) continue;
      const host = name ?? '*';
      lost.set(`${host} ${port}`, { siteId: target.siteId, host, port });
    }
  }
  return lost;
}

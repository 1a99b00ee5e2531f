// The workers that have been sent a listening socket. Nobody can take it from a process: until that has gone, the address
// is its site's, whatever the conf says by then.
import { keysOverlap } from './exclusive-addresses.js';
import type { RoutePlace } from './listener-index.js';

export class SocketHolders<T> {
  readonly #keys = new Map<object, { readonly site: T; readonly keys: Set<string> }>();

  /** A worker's process is sent the socket of a listener. */
  add(holder: object, site: T, listenerKey: string): void {
    const known = this.#keys.get(holder);
    if (known === undefined) this.#keys.set(holder, { site, keys: new Set([listenerKey]) });
    else known.keys.add(listenerKey);
  }

  /** The process has gone. */
  delete(holder: object): void {
    this.#keys.delete(holder);
  }

  /** Of places that a site is to have, the first where another one's worker may accept. */
  inTheWay(site: T, places: readonly RoutePlace[]): { listenerKey: string; holder: T } | undefined {
    if (this.#keys.size === 0) return undefined;
    const others = [...this.#keys.values()].filter((held) => held.site !== site);
    for (const { listenerKey } of places) {
      const held = others.find(({ keys }) => [...keys].some((key) => keysOverlap(key, listenerKey)));
      if (held !== undefined) return { listenerKey, holder: held.site };
    }
    return undefined;
  }
}

// From which peers a listener takes, and then requires, a header of the PROXY protocol: what the confs of all sites on
// its address say together.
import { BlockList, isIPv6 } from 'node:net';
import type { ProxySource } from '../conf/site-conf.js';
import { listenerKey } from '../listeners/listener.js';

export class ProxySources {
  readonly #bySite = new Map<object, readonly ProxySource[]>();
  #byListener: ReadonlyMap<string, BlockList> = new Map();

  /** What the conf of a site says, in the place of what it said before. */
  set(site: object, sources: readonly ProxySource[]): void {
    if (sources.length === 0 && !this.#bySite.has(site)) return;
    this.#bySite.set(site, sources);
    this.#build();
  }

  /** The site is gone. */
  delete(site: object): void {
    if (this.#bySite.delete(site)) this.#build();
  }

  /** Whether any peer of a listener is one. */
  any(key: string): boolean {
    return this.#byListener.has(key);
  }

  /** Whether connections of this peer begin with a header. */
  includes(key: string, address: string): boolean {
    return this.#byListener.get(key)?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') === true;
  }

  #build(): void {
    const byListener = new Map<string, BlockList>();
    for (const source of [...this.#bySite.values()].flat()) {
      const key = listenerKey(source);
      const ranges = byListener.get(key) ?? new BlockList();
      byListener.set(key, ranges);
      for (const range of source.ranges) {
        const [address = '', prefix] = range.split('/');
        ranges.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
      }
    }
    this.#byListener = byListener;
  }
}

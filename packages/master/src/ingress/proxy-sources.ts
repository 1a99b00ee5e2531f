// From which peers a listener takes, and then requires, a header of the PROXY protocol: what the confs of all sites on
// its address say together.
import { BlockList, isIPv6 } from 'node:net';
import type { ProxySource } from '../conf/site-conf.js';
import { ByListener } from './by-listener.js';

export class ProxySources {
  readonly #ranges = new ByListener<ProxySource, BlockList>(blockListOf);

  /** What the conf of a site says, in the place of what it said before. */
  set(site: object, sources: readonly ProxySource[]): void {
    this.#ranges.set(site, sources);
  }

  /** The site is gone. */
  delete(site: object): void {
    this.#ranges.delete(site);
  }

  /** Whether any peer of a listener is one. */
  any(key: string): boolean {
    return this.#ranges.get(key) !== undefined;
  }

  /** Whether connections of this peer begin with a header. */
  includes(key: string, address: string): boolean {
    return this.#ranges.get(key)?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') === true;
  }
}

function blockListOf(sources: readonly ProxySource[]): BlockList {
  const list = new BlockList();
  for (const range of sources.flatMap(({ ranges }) => ranges)) {
    const [address = '', prefix] = range.split('/');
    list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}

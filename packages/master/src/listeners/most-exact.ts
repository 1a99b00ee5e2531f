// Which of several listeners on one port a connection belongs to: the one whose address is closest to that at which it
// came in. Pure.
import { isIPv4 } from 'node:net';

/** As far as its address goes. */
interface Addressed {
  readonly address: { readonly ipaddress?: string };
}

/** `local`: the connection's own address, as the kernel or another socket of it reports it. */
export function mostExact<L extends Addressed>(listeners: Iterable<L>, local: string): L | undefined {
  const plain = local.startsWith(MAPPED) ? local.slice(MAPPED.length) : local;
  let found: L | undefined;
  let best = 0;
  for (const listener of listeners) {
    const rank = rankOf(listener.address.ipaddress, plain);
    if (rank > best) [found, best] = [listener, rank];
  }
  return found;
}

function rankOf(ipaddress: string | undefined, local: string): number {
  if (ipaddress === local) return 3;
  if (ipaddress === '0.0.0.0') return isIPv4(local) ? 2 : 0;
  return ipaddress === undefined ? 1 : 0;
}

/** How a socket of both families shows an IPv4 address. */
const MAPPED = '::ffff:';

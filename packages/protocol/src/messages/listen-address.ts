// Makes one spelling of every listening address, so that equal addresses share one socket. Pure.
import net from 'node:net';
import { VhostError } from '../errors.js';

/** A request in its one spelling. */
export interface KeyedAddress {
  /** Such as `*:80`, `10.0.0.1:80`, `[::1]:80`; of UDP `udp *:53`. */
  key: string;
  /** `undefined`: every address, IPv6 and IPv4. */
  address: string | undefined;
  port: number;
}

/**
 * Checks and normalizes a request: equal addresses get one key. Missing, `''`, `'*'` and `'::'` as `ipaddress` mean
 * every address, IPv6 and IPv4. Port 0 lets the kernel choose.
 * @throws VhostError ERR_LISTEN_ADDRESS for a port out of range or what is no IP address.
 */
export function toKeyedAddress(request: {
  ipaddress?: string | undefined;
  port: number;
  udp?: true;
}): KeyedAddress {
  const { ipaddress, port } = request;
  const kind = request.udp === true ? UDP : '';
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new VhostError('ERR_LISTEN_ADDRESS', `port ${String(port)} is not a whole number from 0 to 65535`, {
      info: { address: ipaddress ?? null, port },
    });
  }
  if (ipaddress === undefined || ipaddress === '' || ipaddress === '*')
    return { key: `${kind}*:${port}`, address: undefined, port };
  const family = net.isIP(ipaddress);
  if (family === 4) return { key: `${kind}${ipaddress}:${port}`, address: ipaddress, port };
  if (family === 6) {
    const address = canonicalIPv6(ipaddress);
    return address === '::'
      ? { key: `${kind}*:${port}`, address: undefined, port }
      : { key: `${kind}[${address}]:${port}`, address, port };
  }
  throw new VhostError(
    'ERR_LISTEN_ADDRESS',
    `${JSON.stringify(ipaddress)} is not an IP address; names are not looked up here`,
    {
      info: { address: ipaddress, port },
    },
  );
}

/** The request that a key stands for; undefined where it is not one. */
export function addressOfKey(key: string): KeyedAddress | undefined {
  const [, udp, any, bracketed, plain, port = ''] = KEY.exec(key) ?? [];
  const ipaddress = any ?? bracketed ?? plain;
  if (ipaddress === undefined) return undefined;
  try {
    const address = toKeyedAddress({
      ipaddress,
      port: Number(port),
      ...(udp === undefined ? {} : { udp: true }),
    });
    return address.key === key ? address : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a key names a UDP socket: it and one of TCP never get in each other's way. */
export function isUdpKey(key: string): boolean {
  return key.startsWith(UDP);
}

/**
 * Of bound sockets, the one that a request means: that of its key, or the one that has the port which the kernel
 * chose for an earlier request.
 */
export function findHeld<T extends { key: string; address: string; port: number }>(
  held: Iterable<T>,
  wanted: KeyedAddress,
): T | undefined {
  let found: T | undefined;
  for (const one of held) {
    if (one.key === wanted.key) return one;
    if (found !== undefined || wanted.port === 0 || one.port !== wanted.port) continue;
    if (isUdpKey(one.key) !== isUdpKey(wanted.key)) continue;
    if (wanted.address === undefined ? /^(?:udp )?\*:/.test(one.key) : one.address === wanted.address)
      found = one;
  }
  return found;
}

/**
 * The socket that a request means, or one whose address covers what it asks for: beside it nobody could listen there,
 * and it gets the connections to that address.
 */
export function findCovering<T extends { key: string; address: string; port: number }>(
  held: Iterable<T>,
  wanted: KeyedAddress,
): T | undefined {
  const all = [...held];
  const { port, address = '::' } = wanted;
  const isAlike = (one: T): boolean => isUdpKey(one.key) === isUdpKey(wanted.key);
  const covers = (one: T): boolean =>
    isAlike(one) && one.port === port && addressCovers(one.address, address);
  return findHeld(all, wanted) ?? (port === 0 ? undefined : all.find(covers));
}

/** True if a socket bound to `one` gets every connection that one bound to `other` would get on the same port. */
export function addressCovers(one: string, other: string): boolean {
  return one === other || one === '::' || (one === '0.0.0.0' && net.isIPv4(other));
}

/** True if two sockets of these bound addresses cannot both listen on one port. */
export function addressesOverlap(one: string, other: string): boolean {
  if (one === other || one === '::' || other === '::') return true;
  return net.isIPv4(one) === net.isIPv4(other) && (one === '0.0.0.0' || other === '0.0.0.0');
}

function canonicalIPv6(ipaddress: string): string {
  const [address = '', zone] = ipaddress.split('%');
  const canonical = new net.SocketAddress({ address, family: 'ipv6' }).address;
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

const UDP = 'udp ';
const KEY = /^(udp )?(?:(\*)|\[(.+)\]|([\d.]+)):(\d{1,5})$/u;

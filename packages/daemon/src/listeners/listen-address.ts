// Makes one spelling of every listening address, so that equal addresses share one socket. Pure.
import net from 'node:net';
import { VhostError } from '@vhostd/protocol';

/** An address that a master asks for. */
export interface ListenRequest {
  /** An IP address, not a name. Missing, `''`, `'*'` or `'::'`: every address, IPv6 and IPv4. */
  ipaddress?: string | undefined;
  /** 0–65535. 0 lets the kernel choose; the same request gives the same socket again while it is held. */
  port: number;
}

/** A request in its one spelling. */
export interface ListenAddress {
  key: string;
  /** `undefined`: every address, IPv6 and IPv4. */
  address: string | undefined;
  port: number;
}

/**
 * Checks and normalizes a request.
 * @throws VhostError ERR_LISTEN_ADDRESS for a port out of range or what is no IP address.
 */
export function toListenAddress(request: ListenRequest): ListenAddress {
  const { ipaddress, port } = request;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new VhostError('ERR_LISTEN_ADDRESS', `port ${String(port)} is not a whole number from 0 to 65535`, {
      info: { address: ipaddress ?? null, port },
    });
  }
  if (ipaddress === undefined || ipaddress === '' || ipaddress === '*')
    return { key: `*:${port}`, address: undefined, port };
  const family = net.isIP(ipaddress);
  if (family === 4) return { key: `${ipaddress}:${port}`, address: ipaddress, port };
  if (family === 6) {
    const address = canonicalIPv6(ipaddress);
    return address === '::'
      ? { key: `*:${port}`, address: undefined, port }
      : { key: `[${address}]:${port}`, address, port };
  }
  throw new VhostError(
    'ERR_LISTEN_ADDRESS',
    `${JSON.stringify(ipaddress)} is not an IP address; names are not looked up here`,
    {
      info: { address: ipaddress, port },
    },
  );
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

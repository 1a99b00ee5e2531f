// The one reading of a host name: what a Host field, a request target, an SNI and a conf pattern are all
// reduced to before they are compared.
import { isIPv4, isIPv6 } from 'node:net';

/** Why a text is no host at all (RFC 3986 3.2.2): a request that states it is refused. */
export type HostFault =
  | 'host-empty'
  | 'host-space'
  | 'host-userinfo'
  | 'host-path'
  | 'host-percent'
  | 'host-char'
  | 'host-ipv6'
  | 'host-port';

/** Why a legal host can be none of a conf. */
export type NameFault = HostFault | 'host-list' | 'host-subdelim' | 'host-label' | 'host-length';

/**
 * A normalized host: lower case, no trailing dot, IPv6 in its canonical form within brackets. `isName` is false for
 * what RFC 3986 allows as a host and no conf can name: it belongs to whoever has the hosts that nobody has.
 */
export type HostReading = { host: string; isName: boolean } | { fault: HostFault };

/** A normalized host and its port; null where no port is stated (`a.com` or `a.com:`). */
export interface Authority {
  host: string;
  /** See {@link HostReading}. */
  isName: boolean;
  port: number | null;
}

/** What {@link readAuthority} found. */
export type AuthorityReading = Authority | { fault: HostFault };

/** Longest host name in characters, without the trailing dot (RFC 1035 2.3.4 less length octets). */
export const HOST_MAX_CHARS = 253;

/** Longest label of a host name in characters (RFC 1035 2.3.4). */
export const LABEL_MAX_CHARS = 63;

const NAME = /^[a-z0-9._-]+$/;
/** reg-name of RFC 3986 3.2.2, in lower case. */
const REG_NAME = /^(?:[a-z0-9._~!$&'()*+,;=-]|%[0-9a-f]{2})+$/;
const PORT = /^[0-9]{1,5}$/;
const PORT_MAX = 65_535;

/**
 * Reads a host without a port: an IPv6 address in brackets, an IPv4 address or a reg-name (RFC 3986 3.2.2).
 *
 * Names are letters, digits, `-`, `_` and dots. The rest of a reg-name is read, but no conf can name it, not even
 * with a wildcard: a percent-encoded name equals its decoded form (RFC 9110 4.2.3), so routing it undecoded would
 * send one name to two sites, and decoding it would differ from what a worker's application compares.
 */
export function readHost(text: string): HostReading {
  if (text.startsWith('[')) return readIpv6(text);
  if (text === '') return { fault: 'host-empty' };
  const host = dropTrailingDot(text.toLowerCase());
  if (nameFaultOf(host) === undefined) return { host, isName: true };
  return REG_NAME.test(text.toLowerCase()) ? { host, isName: false } : { fault: faultOf(host) };
}

/** Reads a host that a conf can name. */
export function readName(text: string): { host: string } | { fault: NameFault } {
  const reading = readHost(text);
  if ('fault' in reading || reading.isName) return reading;
  return { fault: nameFaultOf(reading.host) ?? 'host-char' };
}

/**
 * Reads `uri-host [":" port]` (RFC 9110 7.2). A colon without digits states no port, as RFC 3986 3.2.3
 * allows; a port is at most five digits and 65535.
 */
export function readAuthority(text: string): AuthorityReading {
  const hostEnd = text.startsWith('[') ? text.indexOf(']') + 1 : firstColon(text);
  if (text.startsWith('[') && hostEnd === 0) return { fault: 'host-ipv6' };
  const reading = readHost(text.slice(0, hostEnd));
  if ('fault' in reading) return reading;
  const rest = text.slice(hostEnd);
  const { host, isName } = reading;
  if (rest === '' || rest === ':') return { host, isName, port: null };
  // What follows the colon is judged as host text first, so that `a:b@c` is named for what it is.
  if (!rest.startsWith(':') || !PORT.test(rest.slice(1))) {
    const fault = faultOf(rest.slice(1));
    return { fault: fault === 'host-char' ? 'host-port' : fault };
  }
  const port = Number(rest.slice(1));
  return port > PORT_MAX ? { fault: 'host-port' } : { host, isName, port };
}

/**
 * True when the last label makes the name a number, as in `127.1` or `0x7f`, but not an IPv4 address in its
 * usual form. URL parsers read such a name as an address (WHATWG URL, "ends in a number"), so no host
 * pattern can reach it.
 */
export function looksLikeAddress(host: string): boolean {
  const last = host.slice(host.lastIndexOf('.') + 1);
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(last) && !isIPv4(host);
}

function readIpv6(text: string): HostReading {
  const address = text.slice(1, -1);
  // A zone (`%eth0`) has a meaning on one machine only, and isIPv6 would let it pass.
  if (!text.endsWith(']') || address.includes('%') || !isIPv6(address)) return { fault: 'host-ipv6' };
  return { host: new URL(`http://[${address}]`).hostname, isName: true };
}

function dropTrailingDot(text: string): string {
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

function firstColon(text: string): number {
  const colon = text.indexOf(':');
  return colon === -1 ? text.length : colon;
}

/** Why a host in lower case is no name of a conf. */
function nameFaultOf(host: string): NameFault | undefined {
  if (!NAME.test(host)) {
    if (host === '') return 'host-label';
    if (host.includes(',')) return 'host-list';
    return REG_NAME.test(host) && !host.includes('%') ? 'host-subdelim' : faultOf(host);
  }
  if (host.length > HOST_MAX_CHARS) return 'host-length';
  for (const label of host.split('.')) {
    if (label === '') return 'host-label';
    if (label.length > LABEL_MAX_CHARS) return 'host-length';
  }
  return undefined;
}

function faultOf(text: string): HostFault {
  if (/[ \t]/.test(text)) return 'host-space';
  if (text.includes('@')) return 'host-userinfo';
  if (/[/\\?#]/.test(text)) return 'host-path';
  if (text.includes('%')) return 'host-percent';
  return 'host-char';
}

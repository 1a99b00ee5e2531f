// What makes two client addresses the same client for sticky routing.
import { isIPv4, isIPv6 } from 'node:net';

const GROUP_COUNT = 8;

/**
 * An IPv4 address is its own key. IPv6 is reduced to its /64, the network that one client's changing
 * addresses share (RFC 4291 2.5.4, RFC 8981). An IPv4-mapped address, as a dual-stack listener reports it, is the
 * IPv4 address. Anything else is its own key.
 */
export function addressKey(remoteAddress: string): string {
  const address = remoteAddress.split('%', 1)[0] ?? '';
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return groups.slice(6).flatMap(octetsOf).join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const before = parseGroups(head);
  if (tail === undefined) return before;
  const after = parseGroups(tail);
  const zeros = Array.from({ length: GROUP_COUNT - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after];
}

function parseGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!isIPv4(part)) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function octetsOf(group: number): number[] {
  return [group >> 8, group & 0xff];
}

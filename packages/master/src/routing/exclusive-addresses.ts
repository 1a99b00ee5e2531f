// Addresses where the workers of one site accept connections by themselves: no other site is reached there, nor on one
// that covers it or is covered by it. Pure.
import { addressesOverlap } from '@vhostd/protocol';
import type { ListenerIndex, RouteConflict, RouteTarget } from './listener-index.js';

/** What another target has of an address that is one's alone. */
export function exclusiveConflict<T extends RouteTarget>(
  listeners: ReadonlyMap<string, ListenerIndex<T>>,
): RouteConflict<T> | undefined {
  for (const [listenerKey, index] of listeners) {
    const holder = index.exclusiveTarget;
    if (holder === undefined) continue;
    for (const [otherKey, other] of listeners) {
      if (!keysOverlap(listenerKey, otherKey)) continue;
      const claimant = other.targets().find((target) => target !== holder);
      if (claimant === undefined) continue;
      return { listenerKey, pattern: null, targets: [holder, claimant], exclusive: true };
    }
  }
  return undefined;
}

/** Whether a connection to one listener could have come in at another one, by their keys. */
export function keysOverlap(one: string, other: string): boolean {
  if (one === other) return true;
  const [address, port] = partsOf(one);
  const [otherAddress, otherPort] = partsOf(other);
  return port === otherPort && port !== '0' && addressesOverlap(address, otherAddress);
}

function partsOf(key: string): [address: string, port: string] {
  const [address = '*', port = ''] = key.split('|');
  return [address === '*' ? '::' : address, port];
}

// The ways to choose a worker, by the names that a conf uses.
import { IpHash } from './ip-hash.js';
import { Least } from './least.js';
import { RoundRobin } from './round-robin.js';
import type { Balance } from './candidate.js';

export type { Balance, Candidate } from './candidate.js';

/** `least`: fewest connections. `round-robin`: in turn. `ip-hash`: sticky by client address. */
export type BalanceName = 'least' | 'round-robin' | 'ip-hash';

const BALANCES: Record<BalanceName, () => Balance> = {
  least: () => new Least(),
  'round-robin': () => new RoundRobin(),
  'ip-hash': () => new IpHash(),
};

/** A balance of its own for one site. */
export function createBalance(name: BalanceName): Balance {
  return BALANCES[name]();
}

// The ways to choose a worker, as a conf says them.
import type { BalanceName, BalanceRule } from '../../conf/site-conf.js';
import { Cookie } from './cookie.js';
import { IpHash } from './ip-hash.js';
import { Least } from './least.js';
import { RoundRobin } from './round-robin.js';
import type { Balance } from './candidate.js';

export type { Balance, Candidate, Client } from './candidate.js';

const BALANCES: Record<BalanceName, () => Balance> = {
  least: () => new Least(),
  'round-robin': () => new RoundRobin(),
  'ip-hash': () => new IpHash(),
};

/** A balance of its own for one site. */
export function createBalance(rule: BalanceRule): Balance {
  if (typeof rule === 'string') return BALANCES[rule]();
  return new Cookie(rule.cookie, BALANCES[rule.otherwise]());
}

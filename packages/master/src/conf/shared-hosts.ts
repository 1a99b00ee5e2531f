// Checks what sites claim of the same address: a host, or being the default, is one site's; and a socket is either in
// clear or TLS; and where the workers of one accept, no other one is.
import { addressesOverlap, toKeyedAddress } from '@vhostd/protocol';
import { problemAt } from './problem.js';
import type { ConfProblem } from './problem.js';
import type { SiteConf } from './site-conf.js';

/**
 * ERR_CONF_DUPLICATE_HOST for what an earlier site has, ERR_CONF_INVALID for a second type of one address, or for an
 * address of a site alone. Pure.
 */
export function sharedHostProblems(
  sites: readonly Pick<SiteConf, 'siteId' | 'listen' | 'defaultListen'>[],
): ConfProblem[] {
  const owners = new Map<string, string>();
  const types = new Map<string, string>();
  const problems: ConfProblem[] = exclusiveProblems(sites);
  for (const [index, { siteId, listen, defaultListen }] of sites.entries()) {
    for (const [entryIndex, entry] of listen.entries()) {
      const { key, port } = toKeyedAddress(entry);
      // The kernel gives each its own port.
      if (port === 0) continue;
      const at = ['sites', index, 'listen', entryIndex];
      const type = types.get(key) ?? entry.type;
      types.set(key, type);
      if (type !== entry.type) {
        const reason = `${key} is listened on as '${type}' already; a socket is either in clear or TLS`;
        problems.push(problemAt([...at, 'type'], entry.type, `'${type}', or another port`, { reason }));
      }
      for (const host of new Set([entry.host, ...(defaultListen ? [undefined] : [])])) {
        const what = host === undefined ? 'the default' : `host ${host}`;
        const claim = `${what} of ${key}`;
        const owner = owners.get(claim) ?? siteId;
        owners.set(claim, owner);
        if (owner !== siteId) problems.push(claimedTwice(at, entry.host, claim, owner));
      }
    }
  }
  return problems;
}

/** Of two sites that want an address alone, the later one is told. */
function exclusiveProblems(sites: readonly Pick<SiteConf, 'siteId' | 'listen'>[]): ConfProblem[] {
  const all = sites.flatMap(({ siteId, listen }, index) =>
    listen.map((entry, entryIndex) => ({ siteId, index, entry, at: ['sites', index, 'listen', entryIndex] })),
  );
  const direct = all.filter(({ entry }) => entry.accept === 'direct');
  return all.flatMap(({ siteId, index, entry, at }) => {
    const { port, ipaddress = '::' } = entry;
    const holder = direct.find(
      (other) =>
        other.siteId !== siteId &&
        (entry.accept === undefined || other.index < index) &&
        other.entry.port === port &&
        addressesOverlap(other.entry.ipaddress ?? '::', ipaddress),
    );
    if (holder === undefined || port === 0) return [];
    const reason = `site ${holder.siteId} has the address alone: its entry says 'accept': 'direct'`;
    return [problemAt([...at, 'port'], port, 'another port', { reason })];
  });
}

function claimedTwice(
  at: readonly PropertyKey[],
  host: string | undefined,
  claim: string,
  owner: string,
): ConfProblem {
  const path = host === undefined ? at : [...at, 'host'];
  return problemAt(path, host, 'a host that no other site has', {
    code: 'ERR_CONF_DUPLICATE_HOST',
    reason: `${claim} is site ${owner}'s already`,
  });
}

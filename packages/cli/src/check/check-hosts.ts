// Whether sites claim the same. A site without a host is the default of its address.
import type { MasterConf } from '@vhostd/master';
import { toKeyedAddress } from '@vhostd/protocol';
import type { Finding } from './finding.js';

/** Two sites with one host, or one default, at one address; two kinds of listener at one address. Pure. */
export function checkHosts({ sites }: Pick<MasterConf, 'sites'>): Finding[] {
  const owners = new Map<string, Set<string>>();
  const types = new Map<string, Set<string>>();
  for (const { siteId, listen, defaultListen } of sites) {
    for (const entry of listen) {
      const { key, port } = toKeyedAddress(entry);
      // The kernel gives each its own port.
      if (port === 0) continue;
      add(types, key, entry.type);
      add(owners, `${entry.host === undefined ? 'the default' : `host ${entry.host}`} of ${key}`, siteId);
      if (defaultListen) add(owners, `the default of ${key}`, siteId);
    }
  }
  const shared = [...owners].filter(([, siteIds]) => siteIds.size > 1);
  const mixed = [...types].filter(([, kinds]) => kinds.size > 1);
  return [
    ...shared.map(([what, siteIds]): Finding => ({
      level: 'error',
      subject: [...siteIds].join(', '),
      message: `both claim ${what}`,
      todo: 'give each host to one site: only the first one gets it',
    })),
    ...mixed.map(([key]): Finding => ({
      level: 'error',
      subject: `address ${key}`,
      message: 'is listened on as tcp and as ssl',
      todo: 'use two ports: a socket is either in clear or TLS',
    })),
  ];
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key) ?? new Set();
  map.set(key, known.add(value));
}

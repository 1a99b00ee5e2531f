// Which listeners a site's conf needs, and which hosts it claims on each.
import { listenerKey } from '../listeners/listener.js';
import type { ListenerAddress } from '../listeners/listener.js';
import type { SiteConf } from '../conf/site-conf.js';
import { parseHostPattern } from '../hosts/host-pattern.js';
import type { RoutePlace } from './route-table.js';

/** What a conf comes to. */
export interface SitePlaces {
  addresses: ListenerAddress[];
  places: RoutePlace[];
}

/** Reads a conf's `listen` and `defaultListen`. An entry without a host is the default of its address. */
export function placesOf(conf: Pick<SiteConf, 'listen' | 'defaultListen'>): SitePlaces {
  const addresses = new Map<string, ListenerAddress>();
  const places: RoutePlace[] = [];
  for (const { type, host, port, ipaddress } of conf.listen) {
    const everywhere = ipaddress === undefined || ipaddress === '::';
    const address: ListenerAddress = { type, port, ...(everywhere ? {} : { ipaddress }) };
    const key = listenerKey(address);
    addresses.set(`${key}|${type}`, address);
    places.push({ listenerKey: key, pattern: host === undefined ? null : parseHostPattern(host) });
    if (conf.defaultListen) places.push({ listenerKey: key, pattern: null });
  }
  return { addresses: [...addresses.values()], places };
}

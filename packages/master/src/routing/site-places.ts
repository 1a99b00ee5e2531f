// Which listeners a site's conf needs, and which hosts it claims on each.
import { listenerKey } from '../listeners/listener.js';
import type { ListenerAddress } from '../listeners/listener.js';
import type { ListenEntry, SiteConf } from '../conf/site-conf.js';
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
  for (const entry of conf.listen) {
    const { type, host } = entry;
    const address = addressOf(entry);
    const key = listenerKey(address);
    addresses.set(`${key}|${type}`, address);
    const way: Partial<RoutePlace> = {
      ...(entry.redirect === undefined ? {} : { redirect: secureAddressOf(conf.listen, host) }),
      ...(entry.accept === undefined ? {} : { direct: true }),
    };
    places.push({ listenerKey: key, pattern: host === undefined ? null : parseHostPattern(host), ...way });
    if (conf.defaultListen) places.push({ listenerKey: key, pattern: null, ...way });
  }
  return { addresses: [...addresses.values()], places };
}

/** The addresses on which the site's workers are to accept. */
export function directAddressesOf({ listen }: Pick<SiteConf, 'listen'>): ListenerAddress[] {
  const direct = listen.filter(({ accept }) => accept === 'direct').map((entry) => addressOf(entry));
  return [...new Map(direct.map((address) => [listenerKey(address), address])).values()];
}

function addressOf({ type, port, ipaddress }: ListenEntry): ListenerAddress {
  const everywhere = ipaddress === undefined || ipaddress === '::';
  return { type, port, ...(everywhere ? {} : { ipaddress }) };
}

/** Where a site serves a host with TLS: the entry for it, else the first one; null: it has none. */
function secureAddressOf(listen: readonly ListenEntry[], host: string | undefined): ListenerAddress | null {
  const secure = listen.filter(({ type }) => type === 'ssl');
  const [entry = secure[0]] = secure.filter((one) => one.host === host);
  return entry === undefined ? null : addressOf(entry);
}

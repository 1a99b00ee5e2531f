// What the confs of sites name, whether a site has it at the moment or not: the workers of another one can't take it.
// The table alone would let them have what is free until the site of the conf comes, and names below its wildcards.
import { addressCovers, HOSTLESS_CERTIFICATE, isCertificateKind, VhostError } from '@vhostd/protocol';
import type { Allowance, ListenEntry, SiteConf } from '../conf/site-conf.js';
import { keysOverlap } from './exclusive-addresses.js';
import { formatHostPattern } from '../hosts/host-pattern.js';
import type { HostPattern } from '../hosts/host-pattern.js';
import { listenerKey } from '../listeners/listener.js';
import type { ListenerAddress } from '../listeners/listener.js';
import type { RoutePlace } from './listener-index.js';
import { placesOf } from './site-places.js';

type ListenConf = Pick<SiteConf, 'listen' | 'defaultListen'>;

/** What confs name on one address. */
interface AddressClaims<T> {
  readonly address: ListenerAddress;
  readonly users: Set<T>;
  /** Whose workers are to accept there by themselves. */
  holder: T | undefined;
  /** By pattern in conf spelling; null: the default. The first that names it has it. */
  readonly holders: Map<string | null, T>;
}

export class ConfClaims<T extends { readonly siteId: string }> {
  readonly #confs = new Map<T, ListenConf>();
  #index: Map<string, AddressClaims<T>> | undefined;

  /** What the site's conf says from now on. */
  set(site: T, conf: ListenConf): void {
    this.#confs.set(site, conf);
    this.#index = undefined;
  }

  delete(site: T): void {
    this.#confs.delete(site);
    this.#index = undefined;
  }

  /**
   * Why the workers of a site can't have these places: the conf of another one names them. What the site's own conf names
   * it may have, be it in `listen`, or in `hosts` and `ipaddresses` of its `allow`; and what it has `present`ly.
   * ERR_ROUTE_CONFLICT.
   */
  refusal(site: T, conf: ListenConf, allow: Allowance, present?: ListenConf): VhostError | undefined {
    const { places, addresses } = placesOf(conf);
    const kept = present === undefined ? undefined : placesOf(present);
    const keptAddresses = new Set(kept?.addresses.map(listenerKey));
    const keptPlaces = new Set(kept?.places.map(nameOf));
    for (const address of addresses) {
      if (keptAddresses.has(listenerKey(address))) continue;
      const refused = this.#refuseAddress(site, address, allow);
      if (refused !== undefined) return refused;
    }
    const hosts = new Set(allow.hosts);
    for (const entry of conf.listen) {
      const refused = this.#refuseCertificate(site, entry, hosts);
      if (refused !== undefined) return refused;
    }
    for (const place of places) {
      const { listenerKey: key, pattern } = place;
      const exclusive = this.#refuseExclusive(site, place);
      if (exclusive !== undefined) return exclusive;
      if (keptPlaces.has(nameOf(place))) continue;
      const claims = this.#indexed.get(key);
      const refused = claims && refusePlace(site, claims, pattern, hosts);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  /** Where the conf of one site lets its workers accept no other one is, and where it names another one nobody else accepts. */
  #refuseExclusive(site: T, { listenerKey: key, direct }: RoutePlace): VhostError | undefined {
    for (const [otherKey, { address, users, holder }] of this.#indexed) {
      if (!keysOverlap(key, otherKey)) continue;
      const inTheWay = direct === true ? [...users].find((user) => user !== site) : holder;
      if (inTheWay === undefined || inTheWay === site) continue;
      return conflict(site, inTheWay, address, 'the whole address is', undefined, null);
    }
    return undefined;
  }

  /** An address within one of another site's would take connections from that. */
  #refuseAddress(site: T, address: ListenerAddress, { ipaddresses }: Allowance): VhostError | undefined {
    const { ipaddress, port } = address;
    const known = this.#indexed.get(listenerKey(address));
    if (port === 0 || ipaddress === undefined || ipaddresses?.includes(ipaddress) || known?.users.has(site))
      return undefined;
    for (const { address: other, users } of this.#indexed.values()) {
      const isWider = other.port === port && (other.ipaddress ?? '::') !== ipaddress;
      if (!isWider || !addressCovers(other.ipaddress ?? '::', ipaddress)) continue;
      const [holder] = [...users].filter((user) => user !== site);
      if (holder === undefined) continue;
      return conflict(site, holder, address, `${ipaddress} is an address`, 'allow.ipaddresses', null);
    }
    return undefined;
  }

  /** vhostd has one key a host: on whatever address, it would be that of the other site, or would pass for it. */
  #refuseCertificate(site: T, entry: ListenEntry, allowed: ReadonlySet<string>): VhostError | undefined {
    const name = certifiedHost(entry);
    const names = this.#confs.get(site)?.listen.map(hostOf) ?? [];
    if (name === undefined || names.includes(name) || allowed.has(name)) return undefined;
    for (const [other, { listen }] of this.#confs) {
      const named = listen.map(hostOf).find((host) => host !== undefined && overlap(host, name));
      if (other === site || named === undefined) continue;
      const { siteId: holder } = other;
      const { siteId: claimant } = site;
      return new VhostError(
        'ERR_ROUTE_CONFLICT',
        `the conf of site ${holder} names ${named}; workers of ${claimant} cannot have a certificate of vhostd's for ` +
          `${name}, unless the listen or allow.hosts of its conf names it`,
        { info: { host: name, port: entry.port, holder, claimant } },
      );
    }
    return undefined;
  }

  get #indexed(): ReadonlyMap<string, AddressClaims<T>> {
    this.#index ??= this.#build();
    return this.#index;
  }

  #build(): Map<string, AddressClaims<T>> {
    const index = new Map<string, AddressClaims<T>>();
    for (const [site, conf] of this.#confs) {
      const { addresses, places } = placesOf(conf);
      for (const address of addresses) {
        const key = listenerKey(address);
        const claims = index.get(key) ?? { address, users: new Set(), holders: new Map(), holder: undefined };
        claims.users.add(site);
        index.set(key, claims);
      }
      for (const { listenerKey: key, pattern, direct } of places) {
        const claims = index.get(key);
        if (claims !== undefined && direct === true) claims.holder ??= site;
        const holders = claims?.holders;
        const name = pattern === null ? null : formatHostPattern(pattern);
        if (holders?.has(name) === false) holders.set(name, site);
      }
    }
    return index;
  }
}

function refusePlace<T extends { readonly siteId: string }>(
  site: T,
  { address, holders }: AddressClaims<T>,
  pattern: HostPattern | null,
  allowed: ReadonlySet<string>,
): VhostError | undefined {
  const name = pattern === null ? null : formatHostPattern(pattern);
  const holder = holders.get(name);
  if (holder === site) return undefined;
  if (holder !== undefined) {
    return conflict(
      site,
      holder,
      address,
      name === null ? 'the default is' : `host ${name} is`,
      undefined,
      name,
    );
  }
  if (name === null || allowed.has(name)) return undefined;
  for (const wildcard of wildcardsAbove(name)) {
    const above = holders.get(wildcard);
    if (above === site || allowed.has(wildcard)) return undefined;
    if (above === undefined) continue;
    return conflict(site, above, address, `host ${name} is below ${wildcard},`, 'allow.hosts', name);
  }
  return undefined;
}

/** That of the certificate which an entry asks vhostd for. */
function certifiedHost({ type, host = HOSTLESS_CERTIFICATE, cert }: ListenEntry): string | undefined {
  return type === 'ssl' && isCertificateKind(cert) ? host : undefined;
}

/** The host that an entry names, be it by its certificate. */
function hostOf(entry: ListenEntry): string | undefined {
  return entry.host ?? certifiedHost(entry);
}

/** Whether a host is, or a wildcard has, one that the other is or has. */
function overlap(one: string, other: string): boolean {
  const isBelow = (host: string, wildcard: string): boolean =>
    wildcard.startsWith('*.') && host.endsWith(wildcard.slice(1));
  return one === other || isBelow(one, other) || isBelow(other, one);
}

function nameOf({ listenerKey: key, pattern }: RoutePlace): string {
  return `${key} ${pattern === null ? '' : formatHostPattern(pattern)}`;
}

/** The closest first. */
function wildcardsAbove(name: string): string[] {
  const bare = name.replace(/^\*\./, '');
  const wildcards: string[] = [];
  for (let dot = bare.indexOf('.'); dot !== -1; dot = bare.indexOf('.', dot + 1))
    wildcards.push(`*${bare.slice(dot)}`);
  return wildcards;
}

function conflict(
  claimant: { readonly siteId: string },
  holder: { readonly siteId: string },
  { port, ipaddress }: ListenerAddress,
  what: string,
  allowField: string | undefined,
  host: string | null,
): VhostError {
  const where = `on port ${port}${ipaddress === undefined ? '' : ` of ${ipaddress}`}`;
  const fields = ['listen', ...(allowField === undefined ? [] : [allowField])].join(' or ');
  const remedy = allowField === undefined ? '' : `, unless the ${fields} of its conf names it`;
  return new VhostError(
    'ERR_ROUTE_CONFLICT',
    `${what} ${where} of the conf of site ${holder.siteId}; workers of ${claimant.siteId} cannot have it${remedy}`,
    { info: { host, port, ipaddress: ipaddress ?? '*', holder: holder.siteId, claimant: claimant.siteId } },
  );
}

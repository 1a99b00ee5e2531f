// What is to be in the store of this machine, as records by their keys: what serves, what is drained, and for how long yet.
// Pure: a state table a host, with the time from outside.
import type { FleetDrained } from '@vhostd/protocol';
import { keyOf } from '../layout.js';
import type { HostListen, HostRecord, MachineRecord, SiteRecord } from '../layout.js';
import type { LocalSite } from './local-site.js';

/** This machine, as its conf has it. */
export interface MachineFacts {
  /** What the keys of records begin with. */
  readonly prefix: string;
  /** How long those who follow the store have to know of a change, ms. */
  readonly followMs: number;
  readonly machine: string;
  readonly address: string;
  readonly weight: number;
}

/** One key of the machine's, other than its own. */
interface Entry {
  record: HostRecord | SiteRecord;
  /** Set in `drain`: when it goes. */
  goneAtMs: number | undefined;
  /** It is from the time before this process: as it was, until its site serves, has gone, or has had time to come. */
  adoptedUntilMs: number | undefined;
}

export class MachineState {
  readonly #facts: MachineFacts;
  readonly #entries = new Map<string, Entry>();
  readonly #drained = new Set<string>();
  /** Hosts with a port, of sites that serve otherwise. */
  readonly #drainedPlaces = new Set<string>();
  #allDrained = false;
  /** All that serves is in drain, and stays there, until an operator brings the machine back. */
  #isOut = false;
  #sites: readonly LocalSite[] = [];

  constructor(facts: MachineFacts) {
    this.#facts = facts;
  }

  /** Takes what a process before this one has left in the store. */
  adopt(key: string, record: HostRecord | SiteRecord, nowMs: number): void {
    if (this.#entries.has(key)) return;
    this.#entries.set(key, { record, goneAtMs: undefined, adoptedUntilMs: nowMs + ADOPTED_MS });
  }

  /** These are the sites of the machine from now on. */
  set(sites: readonly LocalSite[]): void {
    this.#sites = sites;
  }

  /** Nobody is to be led there until {@link undrain}. */
  drain({ siteIds, places }: FleetDrained): void {
    if (siteIds === undefined && places === undefined) this.#allDrained = true;
    for (const siteId of siteIds ?? []) this.#drained.add(siteId);
    for (const { host, port } of places ?? []) this.#drainedPlaces.add(placeName(host, port));
  }

  undrain({ siteIds, places }: FleetDrained): void {
    if (siteIds === undefined && places === undefined) this.#allDrained = false;
    for (const siteId of siteIds ?? []) this.#drained.delete(siteId);
    for (const { host, port } of places ?? []) this.#drainedPlaces.delete(placeName(host, port));
  }

  /** An operator takes the machine out, or brings it back. What serves stays in the store. */
  setOut(isOut: boolean): void {
    this.#isOut = isOut;
  }

  /** All records that are to be there now by their keys, besides the machine's own. */
  wanted(nowMs: number): Map<string, HostRecord | SiteRecord> {
    const serving = this.#serving();
    for (const [key, record] of serving) {
      this.#entries.set(key, { record, goneAtMs: undefined, adoptedUntilMs: undefined });
    }
    for (const [key, entry] of this.#entries) {
      if (!serving.has(key) && !this.#mayCome(key, entry, nowMs)) this.#leave(key, entry, nowMs);
    }
    return new Map([...this.#entries].map(([key, { record }]) => [key, record]));
  }

  /** When {@link wanted} changes by itself. */
  get nextMs(): number | undefined {
    const times = [...this.#entries.values()].flatMap(
      ({ goneAtMs, adoptedUntilMs }) => goneAtMs ?? adoptedUntilMs ?? [],
    );
    return times.length === 0 ? undefined : times.reduce((one, other) => Math.min(one, other));
  }

  /** Where it can be asked whether it serves: the first way of the first host, one in clear before all others. */
  health(path: string | undefined): Pick<MachineRecord, 'health'> {
    const ways = this.#sites.flatMap(({ hosts }) => [...hosts.values()].flat());
    const clear = ways.find(({ tls }) => tls === 'none');
    const way = clear ?? ways[0];
    if (way === undefined) return {};
    const { port, proxy } = way;
    return { health: { port, proxy, ...(clear === undefined || path === undefined ? {} : { path }) } };
  }

  #serving(): Map<string, HostRecord | SiteRecord> {
    const { prefix, machine, address, weight } = this.#facts;
    const state = this.#isOut ? 'drain' : 'up';
    const serving = new Map<string, HostRecord | SiteRecord>();
    for (const { siteId: site, generation, readiness, hosts } of this.#sites) {
      if (readiness !== 'serves' || this.#isDrained(site)) continue;
      serving.set(keyOf(prefix, { kind: 'site', site, machine }), { state, generation });
      for (const [host, all] of hosts) {
        const ways = all.filter(({ port }) => !this.#drainedPlaces.has(placeName(host, port)));
        if (ways.length === 0) continue;
        const key = keyOf(prefix, { kind: 'host', host, machine });
        const known = serving.get(key);
        // On other ports the host may be another site's.
        const before: readonly HostListen[] = known !== undefined && 'listen' in known ? known.listen : [];
        const first = known !== undefined && 'site' in known ? known.site : site;
        const listen = [...before, ...ways];
        serving.set(key, { address, site: first, state, weight, generation, listen });
      }
    }
    return serving;
  }

  #isDrained(siteId: string): boolean {
    return this.#allDrained || this.#drained.has(siteId);
  }

  #mayCome(key: string, { record, adoptedUntilMs }: Entry, nowMs: number): boolean {
    if (adoptedUntilMs === undefined || adoptedUntilMs <= nowMs || this.#allDrained) return false;
    const { prefix, machine } = this.#facts;
    const isOf = ({ siteId: site }: LocalSite): boolean =>
      'site' in record ? record.site === site : key === keyOf(prefix, { kind: 'site', site, machine });
    return this.#sites.some(
      (site) => site.readiness === 'coming' && !this.#drained.has(site.siteId) && isOf(site),
    );
  }

  #leave(key: string, entry: Entry, nowMs: number): void {
    if (entry.goneAtMs !== undefined && entry.goneAtMs <= nowMs) this.#entries.delete(key);
    if (entry.goneAtMs !== undefined) return;
    const site = 'site' in entry.record ? entry.record.site : undefined;
    const drainTimeoutMs = this.#sites.find(({ siteId }) => siteId === site)?.drainTimeoutMs ?? 0;
    entry.record = { ...entry.record, state: 'drain' };
    entry.goneAtMs = nowMs + this.#facts.followMs + drainTimeoutMs;
    entry.adoptedUntilMs = undefined;
  }
}

function placeName(host: string, port: number): string {
  return `${host} ${port}`;
}

/** How long a site that boots may take until it is led to no more, ms. */
const ADOPTED_MS = 30_000;

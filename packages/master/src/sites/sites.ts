// All sites of the master, by id.
import { unknownSite } from '@vhostd/protocol';
import { fleetSiteOf } from '../conf/fleet-site.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { Worker } from '../workers/worker.js';
import { FleetSites } from './fleet-sites.js';
import type { Readiness, SiteDirectory } from './readiness.js';
import { Site } from './site.js';
import type { SiteFloor } from './site.js';

export class Sites implements SiteDirectory {
  readonly #floor: SiteFloor;
  readonly #fleet: FleetSites;
  readonly #byId = new Map<string, Site>();
  /** Those that are being removed. */
  readonly #detached = new Set<Site>();

  constructor(floor: SiteFloor) {
    this.#floor = floor;
    this.#fleet = new FleetSites(floor.events);
  }

  /** Adds a site, which is returned, or gives a known one the conf that its next reload takes up. */
  load(conf: SiteConf): Site | undefined {
    const known = this.#byId.get(conf.siteId);
    if (known !== undefined) {
      known.want(conf);
      return undefined;
    }
    const site = new Site(conf, this.#floor, this);
    this.#byId.set(conf.siteId, site);
    return site;
  }

  /** Puts them in this order; those that it does not name come behind. */
  arrange(order: readonly { siteId: string }[]): void {
    if (this.#isArranged(order)) return;
    const rest = new Map(this.#byId);
    this.#byId.clear();
    for (const { siteId } of order) {
      const site = rest.get(siteId);
      if (site !== undefined && rest.delete(siteId)) this.#byId.set(siteId, site);
    }
    for (const [siteId, site] of rest) this.#byId.set(siteId, site);
  }

  #isArranged(order: readonly { siteId: string }[]): boolean {
    const ids = this.#byId.keys();
    return order.length <= this.#byId.size && order.every(({ siteId }) => ids.next().value === siteId);
  }

  /** Those that are to run. */
  list(): Site[] {
    return [...this.#byId.values()];
  }

  /** {@link list} and those that are being removed. */
  all(): Site[] {
    return [...this.#byId.values(), ...this.#detached];
  }

  find(siteId: string): Site | undefined {
    return this.#byId.get(siteId);
  }

  /** How a site stands; one that is not there has failed. */
  readinessOf(name: string): Readiness {
    const failure = {
      code: 'ERR_SITE_UNKNOWN',
      message: fleetSiteOf(name) === undefined ? 'there is no such site' : 'the conf has no `fleet`',
    };
    return this.findReadiness(name) ?? { siteId: name, published: false, failure };
  }

  /** The same, undefined for one that is not there. A site of the fleet is published on any machine, this one included. */
  findReadiness(name: string): Readiness | undefined {
    const siteId = fleetSiteOf(name);
    if (siteId === undefined) return this.find(name)?.readiness;
    const ofFleet = this.#fleet.readinessOf(siteId, name);
    const isHere = this.find(siteId)?.readiness.published === true;
    return ofFleet !== undefined && isHere ? { siteId: name, published: true } : ofFleet;
  }

  /** @throws {VhostError} ERR_SITE_UNKNOWN. */
  get(siteId: string): Site {
    const site = this.find(siteId);
    if (site !== undefined) return site;
    throw unknownSite(siteId, [...this.#byId.keys()]);
  }

  /** The running worker of this id, in whatever site. */
  findWorker(workerId: string): Worker | undefined {
    for (const site of this.all()) {
      const found = site.workers().find((worker) => worker.id === workerId && worker.ready);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Nothing leads to a site any more. */
  unplace(site: Site): void {
    this.#floor.acceptor.terms.delete(site);
  }

  /** A site is about to be removed: its id is free for another one. */
  detach(site: Site): void {
    if (this.#byId.get(site.siteId) !== site) return;
    this.#byId.delete(site.siteId);
    this.#detached.add(site);
  }

  /** Forgets a site that has been stopped, and closes its logs. */
  async remove(site: Site): Promise<void> {
    this.detach(site);
    if (this.#detached.delete(site)) await site.logs.close();
  }

  /** What was kept for workers of a site of this id goes, unless there is another one. */
  forget(siteId: string): void {
    if (this.all().every((site) => site.siteId !== siteId)) this.#floor.spawner.forget(siteId);
  }
}

// What `vhostd status` shows of a master and of its sites.
import type {
  CertificatesResult,
  FleetStanding,
  MasterStatus,
  MetricsReach,
  SiteDetail,
  SiteStatus,
} from '@vhostd/protocol';
import type { LinkChoice } from '@vhostd/transport';
import type { Certificates } from '../certificates/certificates.js';
import { remarksOnRenewal } from '../certificates/renewals.js';
import { certificatesOf, remarksOn } from '../certificates/site-certificates.js';
import { shownConf } from '../conf/shown-conf.js';
import type { MasterEvents } from '../events.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { Site } from '../sites/site.js';
import type { SiteManager } from '../sites/site-manager.js';
import type { Sites } from '../sites/sites.js';
import type { SiteWatch } from '../watch/site-watch.js';
import type { SiteGroups } from '../workers/site-groups.js';
import { Counts } from './counts.js';
import { SiteRefusals } from './site-refusals.js';
import { WorkerEnds } from './worker-ends.js';

export class Status {
  readonly #sites: Sites;
  readonly #listeners: ListenerRegistry;
  readonly #watch: SiteWatch;
  readonly #renewals: Pick<Certificates, 'renewalsOf'>;
  readonly #groups: Pick<SiteGroups, 'statusOf'>;
  readonly #manager: Pick<SiteManager, 'isAdded'>;
  readonly #counts = new Counts();
  readonly #ends = new WorkerEnds();
  readonly #refusals = new SiteRefusals();

  constructor(
    sites: Sites,
    listeners: ListenerRegistry,
    watch: SiteWatch,
    renewals: Pick<Certificates, 'renewalsOf'>,
    groups: Pick<SiteGroups, 'statusOf'>,
    manager: Pick<SiteManager, 'isAdded'>,
  ) {
    this.#manager = manager;
    this.#groups = groups;
    this.#sites = sites;
    this.#listeners = listeners;
    this.#watch = watch;
    this.#renewals = renewals;
  }

  subscribe(events: MasterEvents): void {
    this.#counts.subscribe(events);
    this.#ends.subscribe(events);
    this.#refusals.subscribe(events);
  }

  ofMaster(
    handoff: LinkChoice,
    fleet: FleetStanding | undefined,
    metrics: MetricsReach | undefined,
    confFile: string | undefined,
  ): MasterStatus {
    return {
      pid: process.pid,
      listeners: this.#listeners.list().map(({ info: { address, port, type } }) => ({ address, port, type })),
      sites: this.#sites.all().map((site) => this.#statusOf(site)),
      handoff,
      counts: this.#counts.current,
      ...(confFile === undefined ? {} : { conf: confFile }),
      ...(fleet === undefined ? {} : { fleet }),
      ...(metrics === undefined ? {} : { metrics }),
    };
  }

  /** @throws {VhostError} ERR_SITE_UNKNOWN. */
  ofSite(siteId: string): SiteDetail {
    const site = this.#sites.get(siteId);
    const certificates = certificatesOf(site, Date.now());
    const renewals = this.#renewals.renewalsOf(site);
    return {
      ...this.#statusOf(site),
      ...(certificates.length === 0 ? {} : { certificates }),
      ...(renewals.length === 0 ? {} : { renewals }),
      conf: shownConf(site.conf),
      ...this.#groups.statusOf(siteId),
      ends: this.#ends.of(siteId),
    };
  }

  ofCertificates(): CertificatesResult {
    const now = Date.now();
    const sites = this.#sites.all();
    const renewals = sites.flatMap((site) => this.#renewals.renewalsOf(site));
    return {
      certificates: sites.flatMap((site) => certificatesOf(site, now)),
      ...(renewals.length === 0 ? {} : { renewals }),
    };
  }

  /** A site, whether it was added, what is wrong with its certificates, and whether its files are watched. */
  #statusOf(site: Site): SiteStatus {
    const certificates = certificatesOf(site, Date.now());
    const remarks = [
      ...certificates.flatMap((certificate) => remarksOn(certificate)),
      ...this.#renewals.renewalsOf(site).flatMap((renewal) => remarksOnRenewal(renewal, certificates)),
    ];
    const certificateFaults = remarks.map(({ code, message }) =>
      code === undefined ? message : `${code}: ${message}`,
    );
    const refused = this.#refusals.of(site.siteId);
    return {
      ...site.status(),
      ...(refused === undefined ? {} : { refused }),
      ...(this.#manager.isAdded(site.siteId) ? { added: true } : {}),
      ...(certificateFaults.length === 0 ? {} : { certificateFaults }),
      ...this.#watch.status(site.siteId),
    };
  }
}

// Starts, reloads and stops the sites of a master, in the order of their dependencies where that matters.
import { VhostError } from '@vhostd/protocol';
import type { ReloadResult, WireError } from '@vhostd/protocol';
import { refuseCycle } from '../conf/dependencies.js';
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import { inDependencyOrder } from '../conf/site-graph.js';
import type { MasterEvents, SiteFailure } from '../events.js';
import type { Router } from '../routing/router.js';
import { outcomeOf } from './site.js';
import type { ReloadOutcome, Site } from './site.js';
import { SiteRetries } from './site-retries.js';
import { SiteWaits } from './site-waits.js';
import type { Sites } from './sites.js';

export class SiteManager {
  readonly #sites: Sites;
  readonly #router: Router<Site>;
  readonly #events: MasterEvents;
  readonly #waits: SiteWaits;
  /** Sites that could not be published when all were started, and have not been since, and why. */
  readonly #failed = new Map<string, WireError>();
  /** Sites that are brought up by themselves once their listeners can be had. */
  readonly #retries = new SiteRetries<Site>((site) => this.#start(site));
  #started = false;
  /** Every site has been published, or has failed. */
  #loaded = false;
  #stopping = false;

  constructor(sites: Sites, router: Router<Site>, events: MasterEvents) {
    this.#sites = sites;
    this.#router = router;
    this.#events = events;
    this.#waits = new SiteWaits({ readiness: (siteId) => sites.find(siteId)?.readiness });
    events.on('site.state', () => this.#look());
  }

  /** The sites that have failed since all were started; undefined until each has, or is published. */
  get failures(): SiteFailure[] | undefined {
    return this.#loaded ? Array.from(this.#failed, ([siteId, error]) => ({ siteId, error })) : undefined;
  }

  /**
   * Adds a site, or gives a known one the conf that its next reload takes up. Started at once when the others are.
   * @throws {VhostError} ERR_CONF_DEPENDENCY_CYCLE: nothing has changed.
   */
  load(conf: SiteConf): void {
    const others = this.#sites.list().filter(({ siteId }) => siteId !== conf.siteId);
    refuseCycle([...others, conf]);
    const added = this.#sites.load(conf);
    if (added !== undefined && this.#started && !this.#stopping) void this.#start(added);
  }

  /** Lets a site that has not been started go on with what served under another master. */
  restore(siteId: string, conf: SiteConf, generation: number, release: Release | undefined): void {
    this.#sites.find(siteId)?.restore(conf, generation, release);
  }

  /** Starts every site. Resolves with those that could not be published. */
  async startAll(): Promise<SiteFailure[]> {
    this.#started = true;
    const results = await Promise.all(this.#sites.list().map((site) => this.#start(site)));
    // One that failed at first may have come up while others booted.
    const failures = results.filter((failure) => failure !== undefined);
    const lasting = failures.filter(({ siteId }) => this.#sites.find(siteId)?.running !== true);
    for (const { siteId, error } of lasting) this.#failed.set(siteId, error);
    this.#loaded = true;
    this.#events.emit('sites.loaded', { failures: lasting });
    return lasting;
  }

  /** Reloads these sites, each behind those that it depends on. */
  async reload(sites: readonly Site[]): Promise<ReloadResult> {
    return { sites: await inDependencyOrder(sites, (site) => this.#reload(site)) };
  }

  /** Replaces all workers of a site at once. */
  async restart(site: Site): Promise<ReloadOutcome> {
    const outcome = await site.restart();
    const { siteId, generation, error } = outcome;
    if (error === undefined) this.#events.emit('site.restarted', { siteId, generation });
    else this.#events.emit('site.restart.failed', { siteId, generation, error });
    return outcome;
  }

  /**
   * {@link load} for one site of a whole conf.
   * @throws {VhostError} ERR_SITE_UNKNOWN when the conf does not have it, ERR_CONF_DEPENDENCY_CYCLE: nothing has changed.
   */
  takeUpOne(siteId: string, confs: readonly SiteConf[]): void {
    const conf = confs.find((other) => other.siteId === siteId);
    if (conf === undefined) {
      this.#sites.get(siteId);
      const message = `site '${siteId}' is no longer in the conf: a reload of all sites stops it`;
      throw new VhostError('ERR_SITE_UNKNOWN', message, { info: { siteId } });
    }
    this.load(conf);
    this.#sites.arrange(confs);
  }

  /** Makes the sites those of a whole conf: new ones start, those that are gone stop, the others are reloaded. */
  async takeUp(confs: readonly SiteConf[]): Promise<ReloadResult> {
    const known = new Set(this.#sites.list());
    for (const conf of confs) this.#sites.load(conf);
    this.#sites.arrange(confs);
    const named = new Set(confs.map(({ siteId }) => siteId));
    const kept = this.#sites.list().filter(({ siteId }) => named.has(siteId));
    for (const site of known) if (!named.has(site.siteId)) void this.#remove(site);
    const starts = new Map(
      kept.filter((site) => !known.has(site)).map((site) => [site, this.#start(site)] as const),
    );
    const outcomes = await inDependencyOrder(kept, async (site) => {
      const start = starts.get(site);
      if (start === undefined) return await this.#reload(site);
      return outcomeOf(site.siteId, site.generation, (await start)?.error);
    });
    return { sites: outcomes };
  }

  /** No site is started by itself from now on. */
  close(): void {
    this.#stopping = true;
    this.#retries.close();
  }

  /** Stops every site, each behind those that depend on it; `now` kills all at once. */
  async stopAll(now: boolean): Promise<void> {
    this.close();
    const all = this.#sites.all();
    const inPlace = now ? [] : this.#sites.list();
    // Those that are being removed stop already, and nobody depends on them.
    const others = all.filter((site) => !inPlace.includes(site));
    await Promise.all([
      ...others.map((site) => site.stop(now)),
      inDependencyOrder(inPlace, (site) => site.stop(false), { reverse: true }),
    ]);
    await Promise.all(all.map((site) => this.#sites.remove(site)));
  }

  /** A worker waits for sites. */
  wait(params: unknown, gone: AbortSignal): Promise<null> {
    return this.#waits.wait(params, gone);
  }

  /** A site has changed: others may wait for it, and one that had failed may have come up after all. */
  #look(): void {
    this.#waits.look();
    for (const site of this.#sites.list()) site.look();
    const before = this.#failed.size;
    for (const siteId of this.#failed.keys()) {
      if (this.#sites.find(siteId)?.running === true) this.#failed.delete(siteId);
    }
    if (before > 0 && this.#failed.size === 0) this.#events.emit('sites.loaded', { failures: [] });
  }

  async #start(site: Site): Promise<SiteFailure | undefined> {
    const error = await site.bringUp();
    const again = this.#retries.after(site, error);
    if (error === undefined) return undefined;
    const failure = { siteId: site.siteId, error };
    if (!again) this.#events.emit('site.failed', failure);
    return failure;
  }

  async #reload(site: Site): Promise<ReloadOutcome> {
    const outcome = await site.reload();
    const { siteId, generation, error } = outcome;
    if (error === undefined) this.#events.emit('site.reloaded', { siteId, generation });
    else this.#events.emit('site.reload.failed', { siteId, generation, error });
    return outcome;
  }

  /** Another site of its id may be loaded at once, while its workers still drain. */
  async #remove(site: Site): Promise<void> {
    const { siteId } = site;
    this.#sites.detach(site);
    this.#events.emit('site.removed', { siteId });
    await this.#router.remove(site, { others: true });
    this.#sites.unplace(site);
    await site.stop(false);
    await this.#sites.remove(site);
  }
}

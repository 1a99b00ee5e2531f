// Starts, reloads and stops the sites of a master, in the order of their dependencies where that matters.
import { fromWireError, VhostError } from '@vhostd/protocol';
import type {
  AddSiteOptions,
  AddSiteResult,
  ChangeSiteOptions,
  ChangeSiteResult,
  ReloadResult,
  ScaleOptions,
  ScaleResult,
  SwitchResult,
  WireError,
} from '@vhostd/protocol';
import { refuseCycle } from '../conf/dependencies.js';
import type { SiteConf } from '../conf/site-conf.js';
import { inDependencyOrder } from '../conf/site-graph.js';
import type { EventPayloads, MasterEvents, SiteFailure } from '../events.js';
import type { Router } from '../routing/router.js';
import { AddedSites } from './added-sites.js';
import { DesiredSites } from './desired-sites.js';
import { Following } from './following.js';
import type { JointChange } from './joint-change.js';
import { hostsOf } from './publication.js';
import { workerCount } from './reload.js';
import { SiteAdditions } from './site-additions.js';
import { SiteMoves } from './site-moves.js';
import { scaledCount } from './site-orders.js';
import { outcomeOf, STOPPED } from './site-renewal.js';
import type { ReloadOutcome } from './site-renewal.js';
import type { Site } from './site.js';
import { SiteRetries } from './site-retries.js';
import { SiteWaits } from './site-waits.js';
import type { Sites } from './sites.js';

export class SiteManager {
  readonly #sites: Sites;
  readonly #router: Router<Site>;
  readonly #events: MasterEvents;
  readonly #desired: DesiredSites;
  readonly #additions: SiteAdditions;
  /** Sites that an operator stops. */
  readonly #leaving = new Map<Site, Promise<unknown>>();
  readonly #waits: SiteWaits;
  /** Sites that wait for others that they depend on. */
  readonly #waiting = new Set<string>();
  /** Sites that could not be published when all were started, and have not been since, and why. */
  readonly #failed = new Map<string, WireError>();
  /** Sites that are brought up by themselves once their listeners can be had. */
  readonly #retries = new SiteRetries<Site>((site) => this.#start(site));
  #started = false;
  /** Every site has been published, or has failed. */
  #loaded = false;
  #stopping = false;
  readonly #moves: SiteMoves;
  /** Hosts move between sites. */
  #moving: Promise<unknown> | undefined;
  #nextConfs: readonly SiteConf[] = [];
  readonly #nextTakeUp = new Following(() => this.#takeUp(this.#nextConfs));

  constructor(
    sites: Sites,
    router: Router<Site>,
    events: MasterEvents,
    { desired, added }: { desired: DesiredSites; added: AddedSites } = {
      desired: new DesiredSites(),
      added: new AddedSites(),
    },
  ) {
    this.#desired = desired;
    this.#additions = new SiteAdditions(added, desired, sites, events);
    this.#sites = sites;
    this.#router = router;
    this.#moves = new SiteMoves(sites, router);
    this.#events = events;
    this.#waits = new SiteWaits({ readiness: (name) => sites.findReadiness(name) });
    events.on('site.state', ({ siteId }) => {
      // The one that is in place: one that is being removed may have the same id.
      if (this.#sites.find(siteId)?.waiting === true) this.#waiting.add(siteId);
      else this.#waiting.delete(siteId);
      this.#look();
    });
    events.on('fleet.sites', () => this.#look());
    events.on('site.due', ({ siteId }) => void this.#onTime(siteId));
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
    // One that depends on nobody closes no circle.
    if (conf.dependencies.length > 0) {
      const others = this.#sites.list().filter(({ siteId }) => siteId !== conf.siteId);
      refuseCycle([...others, conf]);
    }
    const added = this.#sites.load(this.#desired.applied(conf));
    if (added !== undefined && this.#started && !this.#stopping) void this.#start(added);
  }

  /** Lets a site that has not been started go on with what served under another master. */
  restore(siteId: string, served: EventPayloads['site.served']): void {
    this.#sites.find(siteId)?.restore({ ...served, conf: this.#desired.applied(served.conf) });
  }

  /** Starts every site, the added ones too. Resolves with those that could not be published. */
  async startAll(): Promise<SiteFailure[]> {
    for (const conf of this.#additions.missing()) this.load(conf);
    this.#started = true;
    const sites = this.#sites.list();
    const planned = sites.map(({ wantedPlaces }) => wantedPlaces);
    const results = await this.#moves.whilePlanned(planned, () =>
      Promise.all(sites.map((site) => this.#start(site))),
    );
    // One that failed at first may have come up while others booted.
    const failures = results.filter((failure) => failure !== undefined);
    const lasting = failures.filter(({ siteId }) => this.#sites.find(siteId)?.running !== true);
    for (const { siteId, error } of lasting) this.#failed.set(siteId, error);
    this.#loaded = true;
    this.#events.emit('sites.loaded', { failures: lasting });
    return lasting;
  }

  /**
   * Reloads these sites, each behind those that it depends on, or ready for it; those between which hosts move together,
   * or not at all.
   */
  async reload(sites: readonly Site[]): Promise<ReloadResult> {
    const [only] = sites;
    const split =
      sites.length === 1 && only !== undefined
        ? this.#isStopped(only)
          ? STOPPED
          : this.#moves.splitBy(only)
        : undefined;
    if (split === undefined || only === undefined) return await this.#change(sites, []);
    return { sites: [this.#tellReload(outcomeOf(only.siteId, only.generation, split))] };
  }

  /** Replaces all workers of a site at once. */
  async restart(site: Site): Promise<ReloadOutcome> {
    const split = this.#moves.splitBy(site);
    const outcome = split ? outcomeOf(site.siteId, site.generation, split) : await site.restart();
    const { siteId, generation, error } = outcome;
    if (error === undefined) this.#events.emit('site.restarted', { siteId, generation });
    else this.#events.emit('site.restart.failed', { siteId, generation, error });
    return outcome;
  }

  /**
   * {@link load} for one site of a whole conf.
   * @throws {VhostError} ERR_SITE_UNKNOWN when the conf does not have it, ERR_CONF_DEPENDENCY_CYCLE, ERR_ROUTE_MOVES when
   * hosts move between it and others: nothing has changed.
   */
  takeUpOne(siteId: string, ofConf: readonly SiteConf[]): void {
    const confs = this.#additions.complete(ofConf);
    const conf = confs.find((other) => other.siteId === siteId);
    if (conf === undefined) {
      this.#sites.get(siteId);
      const message = `site '${siteId}' is no longer in the conf: a reload of all sites stops it`;
      throw new VhostError('ERR_SITE_UNKNOWN', message, { info: { siteId } });
    }
    this.#moves.refuseSplit(siteId, confs);
    this.load(conf);
    this.#sites.arrange(confs);
  }

  /**
   * Makes the sites those of a whole conf: new ones start, those that are gone stop, the others are reloaded. One that is
   * asked for while hosts move between sites follows; of several, only the last.
   */
  async takeUp(confs: readonly SiteConf[]): Promise<ReloadResult> {
    if (this.#moving === undefined) return await this.#takeUp(confs);
    this.#nextConfs = confs;
    return await this.#nextTakeUp.behind(this.#moving);
  }

  /**
   * Adds a site to those of the conf, also for the next master, and resolves when it serves, or with why it does not: it
   * is tried again like any other. One that was added just so before is started if it was stopped.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_EXISTS: nothing has changed.
   */
  async addSite(written: AddSiteOptions): Promise<AddSiteResult> {
    while (this.#moving !== undefined) await this.#moving;
    const { siteId, conf } = this.#additions.check(written);
    if (conf === undefined) {
      const present = this.#sites.get(siteId);
      const { lasts } = await this.startSite(present);
      return { siteId, added: false, lasts, ...this.#reached(present) };
    }
    refuseCycle([...this.#sites.list(), conf]);
    const lasts = this.#additions.add(siteId, written);
    this.#desired.forget(siteId);
    const site = this.#sites.load(conf) ?? this.#sites.get(siteId);
    this.#events.emit('site.added', { siteId });
    const failure = await this.#start(site);
    const { error } = failure ?? {};
    return { siteId, added: true, lasts, ...this.#reached(site), ...(error === undefined ? {} : { error }) };
  }

  /**
   * Gives a site that was added other fields, also for the next master, and reloads it; resolves with why that failed, if
   * it did. One that is stopped is started; of one whose last reload failed, that is tried anew.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF, ERR_SITE_OPTION: nothing has changed.
   */
  async changeSite(siteId: string, change: ChangeSiteOptions): Promise<ChangeSiteResult> {
    while (this.#moving !== undefined) await this.#moving;
    const { added, conf, changed } = this.#additions.change(siteId, change);
    refuseCycle([...this.#sites.list().filter((other) => other.siteId !== siteId), conf]);
    const site = this.#sites.get(siteId);
    const unscaled = change.site?.['cpuLen'] !== undefined && this.#desired.applied(conf) !== conf;
    if (unscaled) this.#desired.scale(siteId, undefined);
    const isStopped = this.#isStopped(site);
    const lasts = this.#additions.add(siteId, added) && this.#desired.stop(siteId, false);
    const differs = changed || unscaled;
    this.#sites.load(this.#desired.applied(conf));
    await this.#leaving.get(site);
    // What is booting as it was has nothing to lose, and may take its whole bootTimeout.
    const restarts = differs && !isStopped && site.comingUp;
    if (restarts) await site.takeDown(true);
    const isBehind = (differs && !restarts) || site.outdated;
    const renews = site.failing || (isBehind && !isStopped);
    const { error } = (await (renews ? this.#renewOne(site) : this.#start(site))) ?? {};
    if (error === undefined) this.#additions.settle(siteId);
    return {
      siteId,
      changed: differs,
      lasts,
      ...this.#reached(site),
      ...(error === undefined ? {} : { error }),
    };
  }

  /** Whether a site is there because it was added, and not by the conf. */
  isAdded(siteId: string): boolean {
    return this.#additions.has(siteId);
  }

  /**
   * Takes away a site that was added, also for the next master. Resolves when its workers have gone.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF: nothing has changed.
   */
  async removeSite(siteId: string, now: boolean): Promise<SwitchResult> {
    while (this.#moving !== undefined) await this.#moving;
    const { lasts, listed } = this.#additions.remove(siteId);
    const site = listed ? this.#sites.find(siteId) : undefined;
    if (site === undefined) return { siteId, lasts };
    this.#desired.forget(siteId);
    this.#failed.delete(siteId);
    const removed = this.#remove(site, false);
    if (now) await site.stop(true);
    await removed;
    return { siteId, lasts };
  }

  /** Takes a site down until it is started by an order, also under the next master. Resolves when its workers have gone. */
  async stopSite(site: Site, now: boolean): Promise<SwitchResult> {
    const { siteId } = site;
    const lasts = this.#desired.stop(siteId, true);
    this.#events.emit('site.stopped', { siteId });
    this.#failed.delete(siteId);
    const gone = site.takeDown(now);
    this.#leaving.set(site, gone);
    const error = await gone;
    this.#leaving.delete(site);
    this.#retryStopped(site, error);
    return { siteId, lasts };
  }

  /**
   * Undoes {@link stopSite}; a site that has failed, or whose last reload has, is tried anew. Rejects with why the site does not start; it is wanted
   * all the same.
   */
  async startSite(site: Site): Promise<SwitchResult> {
    const { siteId } = site;
    const isOutdated = site.outdated && !this.#isStopped(site);
    const lasts = this.#desired.stop(siteId, false);
    await this.#leaving.get(site);
    const failure = await (site.failing || isOutdated ? this.#renewOne(site) : this.#start(site));
    if (failure !== undefined) throw fromWireError(failure.error);
    this.#events.emit('site.started', { siteId });
    return { siteId, lasts };
  }

  /** @throws {VhostError} ERR_SITE_OPTION. */
  async scaleSite(site: Site, wanted: ScaleOptions['workers']): Promise<ScaleResult> {
    const { siteId } = site;
    const before = workerCount(site.conf);
    const workers = scaledCount(wanted, before);
    const lasts = this.#desired.scale(siteId, wanted === 'conf' ? undefined : workers);
    if (workers !== before) {
      await site.scale(workers);
      this.#events.emit('site.scaled', { siteId, before, workers });
    }
    return { siteId, before, workers, lasts };
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
    for (const siteId of this.#waiting) this.#sites.find(siteId)?.look();
    const before = this.#failed.size;
    for (const siteId of this.#failed.keys()) {
      if (this.#sites.find(siteId)?.running === true) this.#failed.delete(siteId);
    }
    if (before > 0 && this.#failed.size === 0) this.#events.emit('sites.loaded', { failures: [] });
  }

  /** {@link reload} of one that is told by its answer alone. */
  async #renewOne(site: Site): Promise<SiteFailure | undefined> {
    const [outcome] = (await this.reload([site])).sites;
    return outcome?.error && { siteId: site.siteId, error: outcome.error };
  }

  async #onTime(siteId: string): Promise<void> {
    const site = this.#sites.find(siteId);
    // Another master keeps to the times by now.
    if (site === undefined || this.#stopping) return;
    await site.onTime(() => this.reload([site]));
  }

  async #start(site: Site, joint?: JointChange<Site>): Promise<SiteFailure | undefined> {
    if (this.#isStopped(site)) {
      this.#retryStopped(site, await site.keepStopped(joint));
      return undefined;
    }
    const error = await site.bringUp(joint);
    const again = this.#retries.after(site, error);
    if (error === undefined) return undefined;
    const failure = { siteId: site.siteId, error };
    if (!again) this.#events.emit('site.failed', failure);
    return failure;
  }

  async #takeUp(ofConf: readonly SiteConf[]): Promise<ReloadResult> {
    const confs = this.#additions.complete(ofConf);
    const named = new Set(confs.map(({ siteId }) => siteId));
    const before = this.#sites.list();
    const gone = before.filter(({ siteId }) => !named.has(siteId));
    for (const conf of confs) this.#sites.load(this.#desired.applied(conf));
    this.#sites.arrange(confs);
    const kept = this.#sites.list().filter(({ siteId }) => named.has(siteId));
    const result = await this.#change(kept, gone);
    const added = kept.filter((site) => !before.includes(site)).map(({ siteId }) => siteId);
    const present = this.#sites.list();
    const removed = gone.filter((site) => !present.includes(site)).map(({ siteId }) => siteId);
    return {
      ...result,
      ...(added.length === 0 ? {} : { added }),
      ...(removed.length === 0 ? {} : { removed }),
    };
  }

  /** Gives each of `kept` what it is to have, and takes everything from those that are `gone`. */
  async #change(kept: readonly Site[], gone: readonly Site[]): Promise<ReloadResult> {
    while (this.#moving !== undefined) await this.#moving;
    const planned = kept.map(({ wantedPlaces }) => wantedPlaces);
    const joints = this.#moves.jointChanges(kept, gone);
    return await this.#moves.whilePlanned(planned, async () => {
      const done = this.#changeBy(joints, kept, gone);
      if (joints.size > 0) this.#moving = done;
      const sites = await done;
      if (joints.size > 0) this.#moving = undefined;
      return { sites };
    });
  }

  async #changeBy(
    joints: ReadonlyMap<Site, JointChange<Site>>,
    kept: readonly Site[],
    gone: readonly Site[],
  ): Promise<ReloadOutcome[]> {
    const leaving = gone.map((site) => this.#giveUp(site, joints.get(site)));
    const outcomes = new Map<Site, Promise<ReloadOutcome | undefined>>();
    await inDependencyOrder(kept, async (site) => {
      const joint = joints.get(site);
      const outcome = this.#renew(site, joint);
      outcomes.set(site, outcome);
      // Those that depend on it may be what its change waits for.
      await (joint === undefined ? outcome : Promise.race([outcome, joint.prepared(site)]));
    });
    await Promise.all(leaving);
    const all = await Promise.all(kept.flatMap((site) => outcomes.get(site) ?? []));
    return all.filter((outcome) => outcome !== undefined);
  }

  #reached({ conf }: Site): Pick<AddSiteResult, 'hosts' | 'listening'> {
    const listening = this.#router
      .listening(conf)
      .map(({ address, port, type }) => ({ address, port, type }));
    return { hosts: hostsOf(conf), listening };
  }

  /** Starts a site that has never been, or reloads it. Undefined: it is stopped, and has what it is to have. */
  async #renew(site: Site, joint: JointChange<Site> | undefined): Promise<ReloadOutcome | undefined> {
    if (this.#isStopped(site)) {
      const error = await site.keepStopped(joint);
      joint?.fail(site, error);
      this.#retryStopped(site, error);
      return error && this.#tellReload(outcomeOf(site.siteId, site.generation, error));
    }
    const outcome = site.fresh
      ? outcomeOf(site.siteId, site.generation, (await this.#start(site, joint))?.error)
      : await this.#reload(site, joint);
    joint?.fail(site, outcome.error);
    return outcome;
  }

  async #giveUp(site: Site, joint: JointChange<Site> | undefined): Promise<void> {
    if (joint !== undefined && (await site.giveUp(joint)) !== undefined) return;
    void this.#remove(site, joint !== undefined);
  }

  #isStopped({ siteId }: Site): boolean {
    return this.#desired.isStopped(siteId);
  }

  /** One that is stopped holds its addresses and hosts as soon as it can have them. */
  #retryStopped(site: Site, error: WireError | undefined): void {
    const again = this.#retries.after(site, error);
    if (error !== undefined && !again) this.#events.emit('site.failed', { siteId: site.siteId, error });
  }

  async #reload(site: Site, joint: JointChange<Site> | undefined): Promise<ReloadOutcome> {
    return this.#tellReload(await site.reload(joint));
  }

  #tellReload(outcome: ReloadOutcome): ReloadOutcome {
    const { siteId, generation, error } = outcome;
    if (error === undefined) this.#events.emit('site.reloaded', { siteId, generation });
    else this.#events.emit('site.reload.failed', { siteId, generation, error });
    return outcome;
  }

  /** Another site of its id may be loaded at once, while its workers still drain. With `moved` others have its hosts. */
  async #remove(site: Site, moved: boolean): Promise<void> {
    const { siteId } = site;
    this.#sites.detach(site);
    this.#events.emit('site.removed', { siteId });
    await this.#router.remove(site, { others: true });
    this.#sites.unplace(site);
    await (moved ? site.leave() : site.stop(false));
    await this.#sites.remove(site);
    // The next master has its sites where this one has, and maybe one of this id.
    if (!this.#stopping) this.#sites.forget(siteId);
  }
}

// One site: its state, and what follows from each step of it for its conf, its workers and its connections.
import { SHOWN_SITE_STATES, toWireError } from '@vhostd/protocol';
import type { SiteClaims, SiteStatus, WireError } from '@vhostd/protocol';
import { ReadingShare } from '@vhostd/transport';
import { isScheduledJob } from '../conf/cron.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { EventPayloads, MasterEvents } from '../events.js';
import type { AddressTerms } from '../ingress/address-terms.js';
import { logFilesOf, SiteLogs } from '../logs/site-logs.js';
import type { SiteOutput } from '../logs/site-output.js';
import type { ListenConf, Router } from '../routing/router.js';
import type { Spawner, WorkerSite } from '../workers/worker-spawner.js';
import type { Worker } from '../workers/worker.js';
import type { AppPortSource } from './app-ports.js';
import { Boot } from './boot.js';
import { DirectAccept } from './direct-accept.js';
import type { DirectSource } from './direct-accept.js';
import { Following } from './following.js';
import type { JointChange } from './joint-change.js';
import { hostsOf, Publication } from './publication.js';
import type { Readiness, SiteDirectory } from './readiness.js';
import { SiteConfs } from './site-confs.js';
import { SiteCron } from './site-cron.js';
import { SiteIngress } from './site-ingress.js';
import type { Rejecter } from './site-ingress.js';
import { SiteRenewal, STOPPED } from './site-renewal.js';
import type { ReloadOutcome } from './site-renewal.js';
import { SiteSpares } from './site-spares.js';
import { SiteStart } from './site-start.js';
import { SiteStateMachine } from './site-state.js';
import type { SiteStateChange } from './site-state.js';
import { SiteTrouble } from './site-trouble.js';
import { SiteWorkers } from './site-workers.js';
import { WorkerRequests } from './worker-requests.js';
import { WorkerSet } from './worker-set.js';
import { workerCount } from './reload.js';

/** What all sites of a master are built on. */
export interface SiteFloor {
  readonly router: Router<Site>;
  readonly acceptor: Rejecter & { readonly terms: AddressTerms };
  readonly spawner: Spawner;
  readonly listeners: AppPortSource & DirectSource;
  readonly events: MasterEvents;
  /** What gets the output of sites that have no log files. Absent: nothing does. */
  readonly output?: SiteOutput;
}

export class Site implements WorkerSite {
  readonly siteId: string;
  /** How connections get in: also what an operator holds or answers. */
  readonly ingress: SiteIngress;
  readonly readingShare: ReadingShare = new ReadingShare();
  readonly #events: MasterEvents;
  readonly #terms: AddressTerms;
  readonly #state: SiteStateMachine;
  readonly #confs: SiteConfs<Site>;
  readonly #set: WorkerSet;
  readonly #workers: SiteWorkers;
  readonly #publication: Publication;
  readonly #requests: WorkerRequests;
  readonly #trouble = new SiteTrouble();
  readonly #boot = new Boot();
  #frozenAtMs = 0;
  readonly #spares: SiteSpares;
  readonly #start: SiteStart;
  readonly #cron: SiteCron;
  readonly #output: SiteOutput | undefined;
  #logs: SiteLogs;
  readonly #renewal: SiteRenewal;
  readonly #nextReload = new Following(() => this.reload());
  readonly #nextRestart = new Following(() => this.restart());

  constructor(conf: SiteConf, floor: SiteFloor, directory: SiteDirectory) {
    const { router, acceptor, spawner, listeners, events, output } = floor;
    this.siteId = conf.siteId;
    this.#events = events;
    this.#terms = acceptor.terms;
    this.#output = output;
    this.#logs = this.#openLogs(conf);
    this.#state = new SiteStateMachine((change) => this.#onState(change));
    this.#set = new WorkerSet(this, conf, spawner, events);
    const direct = new DirectAccept<Site>(conf, {
      site: this,
      workers: this.#set,
      source: listeners,
      holders: router.holders,
    });
    this.ingress = new SiteIngress(conf, this.#set, this.#state, { acceptor, direct });
    this.#confs = new SiteConfs(conf, this, router, (changed) => this.#onConf(changed));
    this.#spares = new SiteSpares(this, { spawner, state: this.#state, set: this.#set });
    this.#publication = new Publication(conf.siteId, events);
    const parts = {
      siteId: conf.siteId,
      events,
      state: this.#state,
      confs: this.#confs,
      set: this.#set,
      ingress: this.ingress,
      boot: this.#boot,
      trouble: this.#trouble,
    };
    this.#workers = new SiteWorkers(parts);
    const renewed = { ...parts, workers: this.#workers };
    this.#renewal = new SiteRenewal(renewed);
    this.#start = new SiteStart({ ...renewed, spawner, directory });
    this.#cron = new SiteCron({ ...parts, start: this.#start });
    this.#requests = new WorkerRequests(parts, listeners, this.readingShare);
    this.#set.on('renewed', () => this.#spares.look());
  }

  get logs(): SiteLogs {
    return this.#logs;
  }

  /** The conf in force: what the operator gave, changed by what workers asked for. */
  get conf(): SiteConf {
    return this.#confs.inForce;
  }

  /** The sites that this one depends on, as the operator wants it. */
  get dependencies(): readonly string[] {
    return this.#confs.wanted.dependencies;
  }

  get generation(): number {
    return this.#set.current.number;
  }

  /** Whether its addresses or hosts can't be had: it is tried again as soon as they can. */
  get blocked(): boolean {
    const { state } = this.#state;
    return state === 'blocked' || (state === 'stopped' && this.#trouble.failure !== undefined);
  }

  /** Whether a worker serves, or is started as soon as there is something to serve; of a job also that it is done. */
  get running(): boolean {
    const { verdict, phase } = SHOWN_SITE_STATES[this.#state.meaning.status];
    return verdict === 'fine' && phase === 'rest';
  }

  /** How it stands, for whoever waits for it. An idle site is there: a connection to it starts it. A job is when it is done. */
  get readiness(): Readiness {
    return this.#start.readiness;
  }

  /** Whether it does not serve for a reason that has been told, and is tried again by itself or not at all. */
  get failing(): boolean {
    const { published, failure } = this.readiness;
    return !published && failure !== undefined && !['waiting', 'stopped'].includes(this.#state.state);
  }

  /** Whether its last reload failed: who serves, if anybody, has not what is wanted. */
  get outdated(): boolean {
    return this.#trouble.discarded !== undefined;
  }

  /** Whether it is on its way, or waits for others, and nobody is served. */
  get comingUp(): boolean {
    const isOnItsWay = SHOWN_SITE_STATES[this.#state.meaning.status].reach === 'soon';
    return isOnItsWay && !this.readiness.published && !this.#workers.anyReady && !this.failing;
  }

  /** Whether it stops, or has stopped. */
  get stopping(): boolean {
    return this.#state.stopping;
  }

  /** Whether it has never been brought up. */
  get fresh(): boolean {
    return this.#state.state === 'loaded';
  }

  /** Whether hosts will lead to it that do not yet: it has not been given its own, or its first worker names them. */
  get awaitsHosts(): boolean {
    const { server, listen, defaultListen } = this.conf;
    return this.fresh || (server && listen.length === 0 && !defaultListen && this.comingUp);
  }

  /** Whether it waits for sites that it depends on. */
  get waiting(): boolean {
    return this.#state.state === 'waiting';
  }

  /** Whether it has been given addresses and hosts. */
  get placed(): boolean {
    return this.#state.placed && !this.blocked;
  }

  /** What the operator wants from its next generation on. */
  get wanted(): SiteConf {
    return this.#confs.wanted;
  }

  /** What it is to have by the conf that its next reload takes up. */
  get wantedPlaces(): ListenConf {
    return this.placesBy(this.#confs.wanted);
  }

  /** What it would have by a conf. */
  placesBy(conf: SiteConf): ListenConf {
    return this.#confs.carriedOver(conf);
  }

  /** Takes what the operator wants from the next generation on. */
  want(conf: SiteConf): void {
    const before = logFilesOf(this.#confs.wanted);
    this.#confs.wanted = conf;
    if (JSON.stringify(logFilesOf(conf)) === JSON.stringify(before)) return;
    // Workers that run keep writing where they did: the old files close with the last of them.
    this.#logs.retire();
    this.#logs = this.#openLogs(conf);
  }

  /** Goes on with what served under another master, if the operator wants the same and nothing has been started. */
  restore(served: EventPayloads['site.served']): void {
    this.#start.restore(served);
  }

  /**
   * Puts the site's conf into force and boots it once its dependencies are published; resolves with why it could not
   * be published, which it may be later on. With a joint change it boots first, and gets its places with the others.
   */
  async bringUp(joint?: JointChange<Site>): Promise<WireError | undefined> {
    return await this.#start.bringUp(joint);
  }

  /** Another site has changed: it may be one that this one waits for. */
  look(): void {
    this.#start.look();
  }

  /**
   * Replaces the workers by new ones of the code that is on disk now, one after the other. One that is asked for
   * before the first worker is spawned is the first boot; while that, or another reload, is at work, one more follows
   * it, however often it is asked for. A job takes up the conf alone: it is done once, unless it has failed. With a
   * joint change it is done together with that of other sites, or not at all.
   */
  async reload(joint?: JointChange<Site>): Promise<ReloadOutcome> {
    const renewal = this.#renewal;
    if (this.#confs.isJob && this.#state.begun) {
      const isFailed = this.#state.state === 'errored' && !isScheduledJob(this.#confs.wanted);
      return await (isFailed ? this.restart() : renewal.takeUp());
    }
    const answer = this.#state.apply('reload');
    if (answer === 'is-finished') return await this.#confs.jointly(joint, () => renewal.beginAnew());
    if (answer === 'ok') return await this.#confs.jointly(joint, () => renewal.reload());
    if (answer === 'is-idle') {
      const outcome = await this.#confs.jointly(joint, () => renewal.reloadIdle());
      return outcome ?? (await this.reload());
    }
    if (answer === 'not-started') return renewal.outcome(await this.bringUp(joint));
    if (answer !== 'at-work') return renewal.outcome(STOPPED);
    if (joint === undefined) return await this.#nextReload.behind(renewal.atWork);
    await renewal.atWork;
    return await this.reload(joint);
  }

  /** Takes its part in a change by which it loses its places: it is gone from the conf. Resolves with why it is not. */
  async giveUp(joint: JointChange<Site>): Promise<WireError | undefined> {
    try {
      await joint.join({ site: this, begin: () => undefined, commit: () => undefined });
      return undefined;
    } catch (error) {
      this.#trouble.discarded = toWireError(error);
      return this.#trouble.discarded;
    }
  }

  /**
   * Replaces all workers at once by new ones of the code that is on disk now: the old ones leave first, and
   * connections wait meanwhile. Where there are none it is a reload.
   */
  async restart(): Promise<ReloadOutcome> {
    const answer = this.#state.apply('restart');
    if (answer === 'ok') return await this.#renewal.restart();
    if (answer === 'at-work') return await this.#nextRestart.behind(this.#renewal.atWork);
    if (answer === 'is-idle' && this.#confs.isJob) return await this.#renewal.beginAnew();
    return await this.reload();
  }

  /** Does what it has to do at this time, unless that has to be left out. */
  async onTime(reload: () => Promise<unknown>): Promise<void> {
    const does = this.#cron.take();
    if (does === 'run') await this.restart();
    else if (does === 'reload') await reload();
  }

  /** Drains every worker; `now` kills them. Its addresses and hosts stay its own, and are answered 503. */
  async stop(now: boolean): Promise<void> {
    await this.#workers.stop(now);
  }

  /**
   * {@link stop} by an operator's order, until {@link bringUp}: a site that had no places gets them now. Resolves with why
   * it can't have them.
   */
  async takeDown(now: boolean): Promise<WireError | undefined> {
    const { placed } = this;
    this.#trouble.clear();
    await this.stop(now);
    return placed ? undefined : await this.keepStopped();
  }

  /** Has the places that the operator wants, and starts nothing. Resolves with why it can't have them. */
  async keepStopped(joint?: JointChange<Site>): Promise<WireError | undefined> {
    if (!this.stopping) await this.stop(false);
    return await this.#confs.jointly(joint, async () => {
      try {
        await this.#confs.commitWanted();
        this.#trouble.failure = undefined;
      } catch (error) {
        this.#trouble.failure = toWireError(error);
      }
      return this.#trouble.failure;
    });
  }

  /** Takes another number of workers, at once or, while it boots or is reloaded, behind that. */
  async scale(cpuLen: number): Promise<void> {
    while (this.#state.meaning.boots === 'awaited') await this.#renewal.atWork;
    this.#confs.wanted = { ...this.#confs.wanted, cpuLen };
    if (!this.placed || this.stopping) return;
    await this.#confs.commit(() => ({ ...this.conf, cpuLen }));
  }

  /** {@link stop} for a site whose hosts are others' by now: they get the connections that are idle. */
  async leave(): Promise<void> {
    await this.#workers.leave();
  }

  /** Tells the workers which hosts lead to the site; resolves once they have confirmed it, or have had time to. */
  tellHosts(claims: SiteClaims[]): Promise<void> {
    return this.ingress.tellHosts(claims);
  }

  thaw(): void {
    this.ingress.thaw();
  }

  onRoutesChanged(): void {
    this.ingress.reroute();
  }

  status(): SiteStatus {
    const { state, meaning } = this.#state;
    const { waitsFor } = this.#start;
    const waiting = waitsFor.length > 0;
    const serving = !this.#state.stopping && this.#workers.anyReady ? this.generation : undefined;
    const trouble = this.#trouble.reason({
      siteId: this.siteId,
      state,
      scheduled: isScheduledJob(this.conf),
      serving,
    });
    const reason = trouble ?? (waiting ? this.#boot.failure?.message : this.#logTrouble);
    return {
      siteId: this.siteId,
      state: meaning.status,
      generation: this.generation,
      hosts: hostsOf(this.conf),
      drainTimeoutMs: this.conf.drainTimeoutMs,
      workers: this.#set.all().map((worker) => worker.status()),
      slots: workerCount(this.conf),
      ...(this.#set.current.conf.warm === undefined ? {} : { spares: this.#spares.count }),
      ...this.ingress.status(),
      ...(waiting ? { waitsFor: [...waitsFor] } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...this.#cron.status(),
      logs: this.#logs.named,
    };
  }

  /** Why one of its logs takes nothing at present: those that the master writes, or the access log, of which workers tell. */
  get #logTrouble(): string | undefined {
    if (this.#logs.trouble !== undefined) return this.#logs.trouble;
    const faults = this.#set.all().flatMap(({ stats }) => stats?.accessLog?.fault ?? []);
    return faults[0] && `its access log can't be written: ${faults[0]}`;
  }

  /** What the conf and its files name in the environment of the generation in force. @throws {VhostError} ERR_SITE_ENV. */
  async namedVariables(): Promise<Readonly<Record<string, string>>> {
    const { files } = this.#set.current;
    await files.readVariables();
    return files.variables();
  }

  /** Every worker, draining ones included. */
  workers(): Worker[] {
    return this.#set.all();
  }

  /** What follows from a step. A state in which a worker is waited for is entered here, and nowhere without one. */
  #onState({ from, event, to }: SiteStateChange): void {
    this.#events.emit('site.state', { siteId: this.siteId, from, event, to });
    if (from !== to) {
      if (from === 'frozen') this.#onThaw();
      if (to === 'frozen') this.#onFrozen();
      else if (to === 'booting' && from !== 'filling') this.#onBooting(from === 'idle');
      else if (to === 'idle') this.#onIdle(event === 'rest');
      else if (to === 'reloading' || to === 'restarting') this.#workers.resetReplacement();
      else if (to === 'errored') this.ingress.rejectWaiting();
      else if (to === 'stopping') this.#onStopping();
    }
    this.#cron.keep();
    this.#spares.look();
    this.#tellPublished();
    this.ingress.look();
    this.#requests.look();
  }

  #onBooting(woken: boolean): void {
    if (woken) {
      this.#trouble.failure = undefined;
      this.#boot.restart({ onDemand: true });
      this.#events.emit('site.woken', { siteId: this.siteId });
    }
    this.#set.scale(1);
  }

  #onIdle(stopped: boolean): void {
    this.#workers.resetReplacement();
    void this.#set.rest();
    this.#boot.succeed();
    if (stopped) this.#events.emit('site.idle', { siteId: this.siteId });
  }

  #onFrozen(): void {
    this.#frozenAtMs = performance.now();
    this.#set.freeze();
    this.#events.emit('site.frozen', { siteId: this.siteId });
  }

  #onThaw(): void {
    this.#set.thaw();
    const frozenMs = Math.round(performance.now() - this.#frozenAtMs);
    this.#events.emit('site.thawed', { siteId: this.siteId, frozenMs });
  }

  #onStopping(): void {
    this.#confs.joint?.fail(this, STOPPED);
    this.#boot.fail(STOPPED);
    this.#workers.reload?.fail({ code: 'ERR_RELOAD_CANCELLED', message: 'the site is being stopped' });
    this.#workers.resetReplacement();
    this.ingress.close();
  }

  #onConf(conf: SiteConf): void {
    this.thaw();
    this.#terms.set(this, conf);
    this.ingress.setConf(conf);
    this.#cron.keep();
    if (this.#state.serving) this.#workers.scale();
    this.#tellPublished();
  }

  #openLogs(conf: SiteConf): SiteLogs {
    return new SiteLogs({ ...logFilesOf(conf), output: this.#output });
  }

  #tellPublished(): void {
    this.#publication.look(this.readiness.published, this.conf, this.generation);
  }
}

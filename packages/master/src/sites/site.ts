// One site: its state, and what follows from each step of it for its conf, its workers and its connections.
import { fromWireError, toWireError } from '@vhostd/protocol';
import type { SiteClaims, SiteStatus, WireError } from '@vhostd/protocol';
import { ReadingShare } from '@vhostd/transport';
import { isScheduledJob } from '../conf/cron.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { EventPayloads, MasterEvents } from '../events.js';
import type { ProxySources } from '../ingress/proxy-sources.js';
import { logFilesOf, SiteLogs } from '../logs/site-logs.js';
import type { SiteOutput } from '../logs/site-output.js';
import type { ListenConf, Router } from '../routing/router.js';
import type { Spawner, WorkerSite } from '../workers/worker-spawner.js';
import type { Worker } from '../workers/worker.js';
import { AppPorts } from './app-ports.js';
import type { AppPortSource } from './app-ports.js';
import { Boot } from './boot.js';
import { startsOnDemand } from './idle-stop.js';
import type { Generation } from './generation.js';
import { Following } from './following.js';
import type { JointChange } from './joint-change.js';
import { hostsOf, Publication } from './publication.js';
import { missingOf } from './readiness.js';
import type { MissingSites, Readiness, SiteDirectory } from './readiness.js';
import { SiteConfs } from './site-confs.js';
import { SiteCron } from './site-cron.js';
import { SiteIngress } from './site-ingress.js';
import type { Rejecter } from './site-ingress.js';
import { SiteRenewal, STOPPED } from './site-renewal.js';
import type { ReloadOutcome } from './site-renewal.js';
import { SiteStateMachine } from './site-state.js';
import type { SiteState, SiteStateChange } from './site-state.js';
import { SiteTrouble } from './site-trouble.js';
import { SiteWorkers } from './site-workers.js';
import { UpdateTurns } from './update-turns.js';
import { WorkerSet } from './worker-set.js';

/** What all sites of a master are built on. */
export interface SiteFloor {
  readonly router: Router<Site>;
  readonly acceptor: Rejecter & { readonly proxySources: ProxySources };
  readonly spawner: Spawner;
  readonly listeners: AppPortSource;
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
  readonly #proxySources: ProxySources;
  readonly #directory: SiteDirectory;
  readonly #spawner: Spawner;
  readonly #state: SiteStateMachine;
  readonly #confs: SiteConfs<Site>;
  readonly #set: WorkerSet;
  readonly #workers: SiteWorkers;
  readonly #publication: Publication;
  readonly #ports: AppPorts;
  readonly #updates = new UpdateTurns(this.readingShare);
  readonly #trouble = new SiteTrouble();
  readonly #boot = new Boot();
  readonly #cron = new SiteCron(() => void this.#events.emit('site.due', { siteId: this.siteId }));
  readonly #output: SiteOutput | undefined;
  #logs: SiteLogs;
  readonly #renewal: SiteRenewal;
  readonly #nextReload = new Following(() => this.reload());
  readonly #nextRestart = new Following(() => this.restart());
  /** It is a job that was done under another master. */
  #finished = false;
  #missing: MissingSites = { siteIds: [], failure: undefined };

  constructor(conf: SiteConf, floor: SiteFloor, directory: SiteDirectory) {
    const { router, acceptor, spawner, listeners, events, output } = floor;
    this.siteId = conf.siteId;
    this.#events = events;
    this.#proxySources = acceptor.proxySources;
    this.#directory = directory;
    this.#spawner = spawner;
    this.#output = output;
    this.#logs = this.#openLogs(conf);
    this.#state = new SiteStateMachine((change) => this.#onState(change));
    this.#set = new WorkerSet(this, conf, spawner, events);
    this.ingress = new SiteIngress(conf, this.#set, this.#state, acceptor);
    this.#confs = new SiteConfs(conf, this, router, (changed) => this.#onConf(changed));
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
    this.#renewal = new SiteRenewal({ ...parts, workers: this.#workers });
    this.#ports = new AppPorts(listeners, () => this.#isBooting);
    this.#set.on('gone', () => this.#ports.look());
    this.#answerWorkers();
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

  /** Whether its addresses or hosts can't be had: it is brought up as soon as they can. */
  get blocked(): boolean {
    return this.#state.state === 'blocked';
  }

  /** Whether a worker serves, or is started as soon as there is something to serve; of a job also that it is done. */
  get running(): boolean {
    return ['running', 'idle', 'finished'].includes(this.#state.meaning.status);
  }

  /** How it stands, for whoever waits for it. An idle site is there: a connection to it starts it. A job is when it is done. */
  get readiness(): Readiness {
    const { siteId } = this;
    const { state } = this.#state;
    if (this.#state.stopping) return { siteId, published: false, failure: STOPPED };
    // Nobody waits for what comes again and again.
    if (isScheduledJob(this.conf) && this.#begun) return { siteId, published: true };
    const serves = this.conf.autorestart && this.ingress.candidates().some(({ ready }) => ready);
    if (serves || state === 'idle' || state === 'finished') return { siteId, published: true };
    const failure =
      this.#boot.failure ?? (this.#state.meaning.serves === 'never' ? this.#trouble.failure : undefined);
    return { siteId, published: false, ...(failure === undefined ? {} : { failure }) };
  }

  /** Whether it has never been brought up. */
  get fresh(): boolean {
    return this.#state.state === 'loaded';
  }

  /** Whether it has been given addresses and hosts. */
  get placed(): boolean {
    return !['loaded', 'blocked', 'stopped'].includes(this.#state.state);
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
  restore({ conf, generation: number, release, finished }: EventPayloads['site.served']): void {
    const { wanted } = this.#confs;
    if (this.#state.state !== 'loaded' || JSON.stringify(conf) !== JSON.stringify(wanted)) return;
    this.#set.prepare(wanted, { number, release });
    this.#finished = finished === true;
  }

  /**
   * Puts the site's conf into force and boots it once its dependencies are published; resolves with why it could not
   * be published, which it may be later on. With a joint change it boots first, and gets its places with the others.
   */
  async bringUp(joint?: JointChange<Site>): Promise<WireError | undefined> {
    if (this.#state.state === 'stopped') this.#begin();
    const answer = this.#state.apply('start');
    if (answer === 'being-stopped') return STOPPED;
    if (answer !== 'ok') return await this.#boot.outcome;
    this.#prepare(this.#confs.wanted);
    if (joint !== undefined) return await this.#jointly(joint, () => this.#bringUpJointly(joint));
    try {
      // Another call of this may have started it by then.
      this.#spawner.check(this.#confs.wanted);
      await this.#confs.commit(() => (this.#state.starting ? this.#confs.wanted : this.conf));
    } catch (error) {
      if (!this.#state.starting) return await this.#boot.outcome;
      this.#trouble.failure = toWireError(error);
      this.#state.apply('places-failed');
      return this.#trouble.failure;
    }
    if (this.#state.starting) {
      this.#trouble.failure = undefined;
      this.#prepare(this.conf);
      // A failure to get this far has been told; now it is tried again.
      this.#boot.reopen();
      this.#state.apply('placed');
      this.look();
    }
    return this.#state.stopping ? STOPPED : await this.#boot.outcome;
  }

  /** Another site has changed: it may be one that this one waits for. */
  look(): void {
    if (this.#state.state !== 'waiting') return;
    const missing = missingOf(this.conf.dependencies.map((siteId) => this.#directory.readinessOf(siteId)));
    const changed = missing.failure?.message !== this.#missing.failure?.message;
    this.#missing = missing;
    if (missing.siteIds.length > 0) {
      this.#boot.fail(missing.failure);
      if (changed) this.#state.apply('dependencies-missing');
      return;
    }
    this.#boot.reopen();
    const isLater = startsOnDemand(this.conf) || isScheduledJob(this.conf);
    if (!this.#finished) this.#state.apply(isLater ? 'none-wanted' : 'dependencies-ready');
    else if (this.#state.apply('workers-finished') === 'ok') this.#boot.succeed();
  }

  /**
   * Replaces the workers by new ones of the code that is on disk now, one after the other. One that is asked for
   * before the first worker is spawned is the first boot; while that, or another reload, is at work, one more follows
   * it, however often it is asked for. A job takes up the conf alone: it is done once, unless it has failed. With a
   * joint change it is done together with that of other sites, or not at all.
   */
  async reload(joint?: JointChange<Site>): Promise<ReloadOutcome> {
    const renewal = this.#renewal;
    if (this.#isJob && this.#begun) {
      const isFailed = this.#state.state === 'errored' && !isScheduledJob(this.#confs.wanted);
      return await (isFailed ? this.restart() : renewal.takeUp());
    }
    const answer = this.#state.apply('reload');
    if (answer === 'is-finished') return await this.#jointly(joint, () => renewal.beginAnew());
    if (answer === 'ok') return await this.#jointly(joint, () => renewal.reload());
    if (answer === 'is-idle') {
      const outcome = await this.#jointly(joint, () => renewal.reloadIdle());
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
    if (answer === 'is-idle' && this.#isJob) return await this.#renewal.beginAnew();
    return await this.reload();
  }

  /** Does what it has to do at the times of its `cron`: a job is run, the workers of any other site are replaced. */
  async onTime(reload: () => Promise<unknown>): Promise<void> {
    const { siteId } = this;
    const reason = this.#whyNotNow;
    this.#cron.done(reason);
    if (reason !== undefined) return void this.#events.emit('site.cron.skipped', { siteId, reason });
    this.#events.emit('site.cron', { siteId, does: this.#isJob ? 'run' : 'reload' });
    await (this.#isJob ? this.restart() : reload());
  }

  /** Drains every worker; `now` kills them. Its addresses and hosts stay its own, and are answered 503. */
  async stop(now: boolean): Promise<void> {
    this.#state.apply('stop');
    await this.#set.stop(now);
    this.#state.apply('workers-gone');
  }

  /** {@link stop} for a site that an operator wants no more: nothing leads to it until {@link bringUp}. */
  async takeDown(now: boolean): Promise<void> {
    if (this.placed && !this.#state.stopping) {
      await this.#confs.commit(() => ({ ...this.conf, listen: [], defaultListen: false }));
    }
    await this.stop(now);
  }

  /** Takes another number of workers, at once or, while it boots or is reloaded, behind that. */
  async scale(cpuLen: number): Promise<void> {
    while (CHANGING.has(this.#state.state)) await this.#renewal.atWork;
    this.#confs.wanted = { ...this.#confs.wanted, cpuLen };
    if (!this.placed || this.#state.stopping) return;
    await this.#confs.commit(() => ({ ...this.conf, cpuLen }));
  }

  /** {@link stop} for a site whose hosts are others' by now: they get the connections that are idle. */
  async leave(): Promise<void> {
    this.#state.apply('stop');
    await this.#set.leave();
    this.#state.apply('workers-gone');
  }

  /** Tells the workers which hosts lead to the site; resolves once they have confirmed it, or have had time to. */
  tellHosts(claims: SiteClaims[]): Promise<void> {
    return this.ingress.tellHosts(claims);
  }

  onRoutesChanged(): void {
    this.ingress.reroute();
  }

  status(): SiteStatus {
    const { state, meaning } = this.#state;
    const waiting = state === 'waiting' && this.#missing.siteIds.length > 0;
    const serving = !this.#state.stopping && this.#workers.anyReady ? this.generation : undefined;
    const trouble = this.#trouble.reason({
      siteId: this.siteId,
      state,
      scheduled: isScheduledJob(this.conf),
      serving,
    });
    const reason = trouble ?? (waiting ? this.#boot.failure?.message : this.#logs.trouble);
    return {
      siteId: this.siteId,
      state: meaning.status,
      generation: this.generation,
      hosts: hostsOf(this.conf),
      drainTimeoutMs: this.conf.drainTimeoutMs,
      workers: this.#set.all().map((worker) => worker.status()),
      ...this.ingress.status(),
      ...(waiting ? { waitsFor: [...this.#missing.siteIds] } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...this.#cron.status(),
      logs: this.#logs.named,
    };
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
      if (to === 'booting' && from !== 'filling') this.#onBooting(from === 'idle');
      else if (to === 'idle') this.#onIdle(event === 'rest');
      else if (to === 'reloading' || to === 'restarting') this.#workers.resetReplacement();
      else if (to === 'errored') this.ingress.rejectWaiting();
      else if (to === 'stopping') this.#onStopping();
    }
    this.#keepTime();
    this.#tellPublished();
    this.ingress.look();
    this.#ports.look();
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

  #onStopping(): void {
    this.#confs.joint?.fail(this, STOPPED);
    this.#boot.fail(STOPPED);
    this.#workers.reload?.fail({ code: 'ERR_RELOAD_CANCELLED', message: 'the site is being stopped' });
    this.#workers.resetReplacement();
    this.ingress.close();
  }

  #onConf(conf: SiteConf): void {
    this.#proxySources.set(this, conf.proxySources ?? []);
    this.ingress.setConf(conf);
    this.#keepTime();
    if (this.#state.serving) this.#workers.scale();
    this.#tellPublished();
  }

  /** What workers ask for, which is about their own site: this one, whoever has its id by then. */
  #answerWorkers(): void {
    this.#set.on('spawned', (worker, { peer, gone }) => {
      peer.handle('openPort', (params) => this.#ports.open(params, { conf: worker.conf, gone }));
      peer.handle('updateServerConf', (params) =>
        this.#updates.run(params, gone, () =>
          this.#confs.update(worker, (asking) => this.#generationOf(asking), params),
        ),
      );
    });
  }

  #generationOf(worker: Worker): Generation | undefined {
    return this.#set.roleOf(worker) === 'next' ? this.#set.next : undefined;
  }

  #openLogs(conf: SiteConf): SiteLogs {
    return new SiteLogs({ ...logFilesOf(conf), output: this.#output });
  }

  #prepare(conf: SiteConf): void {
    this.#set.prepare(conf);
    this.#workers.tellServed();
  }

  /** Nothing of its life before counts. */
  #begin(): void {
    this.#finished = false;
    this.#set.renew(this.#confs.wanted);
    this.#boot.restart({ onDemand: false });
    this.#trouble.clear();
  }

  async #jointly<R>(joint: JointChange<Site> | undefined, act: () => Promise<R>): Promise<R> {
    this.#confs.joint = joint;
    try {
      return await act();
    } finally {
      if (this.#confs.joint === joint) this.#confs.joint = undefined;
    }
  }

  /** It gets its places when it serves: until then the hosts that move are answered by those who have them. */
  async #bringUpJointly(joint: JointChange<Site>): Promise<WireError | undefined> {
    this.#trouble.clear();
    this.#boot.reopen();
    this.#confs.adopt(this.#confs.wanted);
    this.#state.apply('placed');
    this.look();
    const failure = await Promise.race([this.#boot.outcome, joint.failureOf(this)]);
    if (failure !== undefined) {
      joint.fail(this, failure);
      await this.#block(failure);
      return failure;
    }
    try {
      await this.#confs.commit(() => {
        if (!this.readiness.published) throw fromWireError(this.#trouble.failure ?? STOPPED);
        return this.conf;
      });
    } catch (error) {
      const wire = toWireError(error);
      await this.#block(wire);
      return wire;
    }
    return undefined;
  }

  /** It has no places: its workers, which would serve nobody, leave until it can have them. */
  async #block(failure: WireError): Promise<void> {
    if (this.#state.stopping) return;
    await this.stop(false);
    if (this.#state.state !== 'stopped') return;
    this.#begin();
    this.#state.apply('start');
    this.#trouble.failure = failure;
    this.#state.apply('places-failed');
  }

  /** Whether it is done once, now and by the conf that is wanted. */
  get #isJob(): boolean {
    return !this.conf.autorestart && !this.#confs.wanted.autorestart;
  }

  /** Why what its `cron` is for has to wait for the next time. */
  get #whyNotNow(): string | undefined {
    const { state, meaning } = this.#state;
    const [rests, why] = this.#isJob
      ? [JOB_RESTS, 'the last run is still at work']
      : [REPLACEABLE, `it is ${meaning.status}`];
    if (rests.has(state)) return undefined;
    return state === 'waiting' ? `it waits for ${this.#missing.siteIds.join(', ')}` : why;
  }

  #keepTime(): void {
    this.#cron.set(this.placed && !this.#state.stopping ? this.conf.cron : undefined);
  }

  /** A worker has been started. */
  get #begun(): boolean {
    return !this.#state.starting && !this.#state.stopping;
  }

  /** Whether a worker boots, or is to. */
  get #isBooting(): boolean {
    if (!BOOTS.has(this.#state.state)) return false;
    // Of one that has just died, the link may end before its end is known.
    const isDying = this.#set.current.workers.some(({ ready, process }) => ready && process?.gone.aborted);
    return isDying || !this.#set.settled;
  }

  #tellPublished(): void {
    this.#publication.look(this.readiness.published, this.conf, this.generation);
  }
}

/** States in which a worker may boot. */
const BOOTS: ReadonlySet<string> = new Set([
  'booting',
  'filling',
  'running',
  'retrying',
  'reloading',
  'restarting',
]);

/** States in which a job may be begun at its time, and the workers of another site be replaced. */
const JOB_RESTS: ReadonlySet<SiteState> = new Set(['idle', 'finished', 'errored']);
const REPLACEABLE: ReadonlySet<SiteState> = new Set(['filling', 'running', 'retrying', 'idle', 'errored']);

const CHANGING: ReadonlySet<SiteState> = new Set(['booting', 'reloading', 'restarting']);

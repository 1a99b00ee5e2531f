// What a `master.js` gets from `require('@vhostd/master')`: sites are loaded, run, reloaded; events tell the rest.
import { fromWireError, VhostError } from '@vhostd/protocol';
import { Deferred, takePrecedence } from '@vhostd/transport';
import type {
  AddSiteOptions,
  AddSiteResult,
  ChangeSiteOptions,
  ChangeSiteResult,
  CertificatesResult,
  EventsOptions,
  FleetDrainOptions,
  FleetDrainResult,
  FleetStatus,
  FleetStatusOptions,
  FlushOptions,
  FlushResult,
  MaintenanceOptions,
  MaintenanceResult,
  MasterStatus,
  MetricFamily,
  PauseOptions,
  PauseResult,
  ReloadResult,
  RestartResult,
  ResumeResult,
  ScaleOptions,
  ScaleResult,
  SignalOptions,
  SignalResult,
  StopSiteOptions,
  SwitchResult,
  VariablesResult,
  SiteDetail,
  WireError,
} from '@vhostd/protocol';
import type { CallCallback, CallHandler, CallOptions, LinkChoice } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import { parseSite } from './conf/parse-conf.js';
import type { MasterConf, SiteConf } from './conf/site-conf.js';
import { followEvents } from './control/event-feed.js';
import type { Follower } from './control/event-feed.js';
import { provedLink } from './daemon-link/proved-link.js';
import type { SiteFailure } from './events.js';
import { LogFiles } from './logs/log-files.js';
import { MasterParts } from './master-parts.js';
import { publish } from './public-events.js';
import type { PublicEvents } from './public-events.js';
import { maintainSite, pauseOf, resumeSite } from './sites/site-orders.js';
import { shownVariables } from './workers/shown-variables.js';

/** The outcome of `serverRun`. */
export interface RunResult {
  /** Sites that could not be published, and why. */
  failures: SiteFailure[];
}

/** One a process: accepts connections and hands each to a worker of its site. */
export class Master extends EventEmitter<PublicEvents> {
  readonly #parts: MasterParts;
  #handoff: LinkChoice = { type: 'pipe', handsBack: true };
  #confSource: ((siteId?: string) => Promise<MasterConf>) | undefined;
  #confFile: string | undefined;
  readonly #begun = new Deferred<void>();
  #running: Promise<RunResult> | undefined;

  constructor() {
    super();
    this.#parts = new MasterParts(this);
    publish(this.#parts.events, this);
    // With a listener Node opens no inspector on it.
    process.on('SIGUSR1', () => this.reopenLogs());
    setImmediate(() => this.emit('loadend'));
  }

  /** Sets limits, log, backlog and transport for what is opened or started from now on; sites are not touched. */
  configure(conf: MasterConf): void {
    this.#parts.configure(conf);
    if (this.#running !== undefined) this.#parts.serve();
  }

  /**
   * Adds a site, or gives a known one a new conf, which its next reload takes up. Started at once when the master
   * runs already. Relative paths are relative to the working directory.
   * @throws {VhostError} ERR_CONF_*, one of them ERR_CONF_DEPENDENCY_CYCLE when it closes a cycle: nothing has changed.
   */
  loadSite(site: unknown): void {
    this.loadSiteConf(parseSite(site, { baseDir: process.cwd() }));
  }

  /** {@link loadSite} for a conf that has been parsed. */
  loadSiteConf(conf: SiteConf): void {
    this.#parts.manager.load(conf);
  }

  /**
   * The conf that the master before this one served with, of each site the one of the generation in force; undefined
   * where there was none under this daemon, or it was of another version of vhostd.
   */
  async rememberedConf(): Promise<MasterConf | undefined> {
    return (await this.#parts.served.load())?.conf;
  }

  /** Where the conf comes from that a reload asked for from outside takes up: signal, command, daemon; `file`, if it is one, is told in the status. A source that is asked for one site may look at nothing else anew. */
  setConfSource(load: (siteId?: string) => Promise<MasterConf>, file?: string): void {
    this.#confSource = load;
    this.#confFile = file;
  }

  /** Opens the listeners and starts every site. Resolves when each is published or has failed; never rejects. */
  serverRun(): Promise<RunResult> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /**
   * Replaces the workers of one site, or of all, by new ones of the code that is on disk now, without losing a
   * connection. What is at work on a site, its first boot included, is followed by one reload.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING.
   */
  async reLoadSite(siteId?: string): Promise<ReloadResult> {
    await this.#whenBegun();
    const sites = siteId === undefined ? this.#parts.sites.list() : [this.#parts.sites.get(siteId)];
    this.#parts.suspects.forgive(sites.map((site) => site.siteId));
    return await this.#parts.manager.reload(sites);
  }

  /**
   * Replaces all workers of a site at once by new ones of the code that is on disk now: the old ones finish what they
   * have and leave, new connections wait meanwhile, then the new ones start.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING, or why the site does not start.
   */
  async restartSite(siteId: string): Promise<RestartResult> {
    await this.#whenBegun();
    const site = this.#parts.sites.get(siteId);
    const workers = site.workers().length;
    const { error } = await this.#parts.fleet.without([siteId], () => this.#parts.manager.restart(site));
    if (error !== undefined) throw fromWireError(error);
    return { siteId, workers };
  }

  /**
   * Stops a site: its addresses and hosts stay its own and are answered 503, its workers finish what they have, or not
   * if `now`. It stays so, under the next master as well, until {@link startSite}. Resolves when the workers have gone.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING.
   */
  async stopSite(siteId: string, { now = false }: Partial<StopSiteOptions> = {}): Promise<SwitchResult> {
    await this.#whenBegun();
    const site = this.#parts.sites.get(siteId);
    const stop = (): Promise<SwitchResult> => this.#parts.manager.stopSite(site, now);
    return await (now ? stop() : this.#parts.fleet.without([siteId], stop));
  }

  /**
   * Starts a site that was stopped.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING, or why it does not start.
   */
  async startSite(siteId: string): Promise<SwitchResult> {
    await this.#whenBegun();
    return await this.#parts.manager.startSite(this.#parts.sites.get(siteId));
  }

  /**
   * Adds a site to those that are loaded, also for the next master, until {@link removeSite}. Resolves when it serves, or
   * with why it does not yet. Fields are those of `sites[]` of a conf, relative paths are relative to `baseDir`.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_EXISTS, ERR_MASTER_NOT_RUNNING: nothing has changed.
   */
  async addSite(options: AddSiteOptions): Promise<AddSiteResult> {
    await this.#whenBegun();
    return await this.#parts.manager.addSite(options);
  }

  /**
   * Gives a site that {@link addSite} has added other fields, also for the next master, and replaces its workers as a
   * reload does; one that is stopped is started. Resolves with why that failed, if it did: the change is kept.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF, ERR_SITE_OPTION, ERR_MASTER_NOT_RUNNING: nothing
   * has changed.
   */
  async changeSite(siteId: string, change: ChangeSiteOptions): Promise<ChangeSiteResult> {
    await this.#whenBegun();
    this.#parts.suspects.forgive([siteId]);
    return await this.#parts.manager.changeSite(siteId, change);
  }

  /**
   * Takes away a site that {@link addSite} has added. Resolves when its workers have gone.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF, ERR_MASTER_NOT_RUNNING: nothing has changed.
   */
  async removeSite(siteId: string, { now = false }: Partial<StopSiteOptions> = {}): Promise<SwitchResult> {
    await this.#whenBegun();
    const remove = (): Promise<SwitchResult> => this.#parts.manager.removeSite(siteId, now);
    return await (now ? remove() : this.#parts.fleet.without([siteId], remove));
  }

  /**
   * Gives a site another number of workers, in place of its conf's `cpuLen`, under the next master as well.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_OPTION, ERR_MASTER_NOT_RUNNING.
   */
  async scaleSite(siteId: string, { workers }: ScaleOptions): Promise<ScaleResult> {
    await this.#whenBegun();
    return await this.#parts.manager.scaleSite(this.#parts.sites.get(siteId), workers);
  }

  /**
   * {@link reLoadSite} with the conf as it is now at its source: new sites start, sites that are gone stop.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_UNKNOWN (also of a site that is gone from the conf): nothing has changed.
   * ERR_MASTER_NOT_RUNNING.
   */
  async reloadConf(siteId?: string): Promise<ReloadResult> {
    if (this.#confSource === undefined) return await this.reLoadSite(siteId);
    if (siteId === undefined) this.reopenLogs();
    else this.#parts.sites.find(siteId)?.logs.reopen();
    // What has served goes on first: sites that a reload brought up could not be restored any more.
    await this.#begun.promise;
    const conf = await this.#confSource(siteId);
    this.#refuseWhenStopping();
    if (siteId !== undefined) {
      this.#parts.manager.takeUpOne(siteId, conf.sites);
      return await this.reLoadSite(siteId);
    }
    this.configure(conf);
    this.#parts.suspects.forgive(conf.sites.map((site) => site.siteId));
    const kept = new Set(conf.sites.map((site) => site.siteId));
    const gone = this.#parts.sites.list().flatMap((site) => (kept.has(site.siteId) ? [] : [site.siteId]));
    return await this.#parts.fleet.without(gone, () => this.#parts.manager.takeUp(conf.sites));
  }

  /**
   * Holds the site's new connections unread until {@link resumeSite}, `parkMaxCount` of them and each for a limited
   * time; the others are answered 503. Connections that workers have go on. It outlives reloads, not this process. In a
   * fleet it begins when nobody is led to the site any more.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_OPTION.
   */
  async pauseSite(siteId: string, options: PauseOptions = {}): Promise<PauseResult> {
    const site = this.#parts.sites.get(siteId);
    const result = pauseOf(site, options);
    await this.#parts.fleet.without([siteId], async () => site.ingress.pause(result.timeoutMs));
    this.#parts.events.emit('site.paused', result);
    return result;
  }

  /**
   * Gives the connections that a pause holds to workers, in order.
   * @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  resumeSite(siteId: string): ResumeResult {
    const result = resumeSite(this.#parts.sites.get(siteId));
    this.#parts.events.emit('site.resumed', result);
    return result;
  }

  /**
   * Answers every request of the site with 503 and a page, also on connections that are open already, until it is
   * called with null; requests in work finish. It outlives reloads and workers, not this process. Resolves once the
   * workers have confirmed it.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_OPTION, ERR_MAINTENANCE_PAGE, ERR_MAINTENANCE_SERVER: nothing has
   * changed.
   */
  async maintenance(siteId: string, options: MaintenanceOptions | null): Promise<MaintenanceResult> {
    const result = await maintainSite(this.#parts.sites.get(siteId), options);
    this.#parts.events.emit('site.maintenance', result);
    return result;
  }

  /** Drains every site and leaves; `now` without draining. */
  stop(now = false): Promise<void> {
    return this.#parts.shutdown.stop(now);
  }

  /**
   * What the workers of a site find in their environment, by name; the values are secrets of the site.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_ENV.
   */
  async variables(siteId: string, withValues: boolean): Promise<VariablesResult> {
    const site = this.#parts.sites.get(siteId);
    const all = shownVariables(site.conf, await site.namedVariables(), process.env);
    const variables = withValues ? all : all.map(({ name, from }) => ({ name, from }));
    return { siteId, variables };
  }

  /** Sends a signal to every worker of a site, as `kill` does. @throws {VhostError} ERR_SITE_UNKNOWN. */
  signalSite(siteId: string, { signal }: SignalOptions): SignalResult {
    const site = this.#parts.sites.get(siteId);
    // Most signals wait for a process that stands still.
    site.thaw();
    const workers = site.workers();
    const result = { siteId, signal, workers: workers.filter((worker) => worker.signal(signal)).length };
    this.#parts.events.emit('site.signalled', result);
    return result;
  }

  /**
   * Empties the log files of a site, or of all sites, and removes those that they were rotated to. Resolves with the
   * files. @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  async flushLogs({ siteId }: FlushOptions = {}): Promise<FlushResult> {
    const sites = siteId === undefined ? this.#parts.sites.list() : [this.#parts.sites.get(siteId)];
    const files = (await Promise.all(sites.map((site) => site.logs.flush()))).flat();
    this.#parts.events.emit('logs.flushed', { files });
    return { files: [...new Set(files)] };
  }

  /** Goes on in the log files that have the names now, after log rotation; SIGUSR1 asks for it, too. */
  reopenLogs(): void {
    LogFiles.shared.reopen();
    this.#parts.events.emit('logs.reopened', { file: this.#parts.conf.log.file ?? null });
  }

  /** What `vhostd status --json` shows of the master. */
  status(): MasterStatus {
    return this.#parts.status.ofMaster(
      this.#handoff,
      this.#parts.fleet.standing,
      this.#parts.metrics.standing,
      this.#confFile,
    );
  }

  /** What `GET /v1/metrics` shows. */
  metrics(): MetricFamily[] {
    return this.#parts.metrics.families();
  }

  /** What `vhostd status SITE --json` shows. @throws {VhostError} ERR_SITE_UNKNOWN. */
  siteDetail(siteId: string): SiteDetail {
    return this.#parts.status.ofSite(siteId);
  }

  /** What `vhostd fleet status --json` shows. @throws {VhostError} ERR_FLEET_NONE. */
  async fleetStatus(options: FleetStatusOptions): Promise<FleetStatus> {
    // Whether there is a fleet is in the conf.
    await this.loaded;
    return await this.#parts.fleet.status(options);
  }

  /**
   * Takes this machine out of the fleet until {@link fleetResume}, also under the next master. Resolves when the edges
   * lead nobody here, or at the limit of time.
   * @throws {VhostError} ERR_FLEET_NONE, ERR_SITE_OPTION, ERR_FLEET_STORE: the last one leaves it wanted.
   */
  async fleetDrain(options: FleetDrainOptions = {}): Promise<FleetDrainResult> {
    await this.#whenBegun();
    return await this.#parts.fleet.setOut(true, options);
  }

  /** Brings it back. @throws {VhostError} as {@link fleetDrain}. */
  async fleetResume(options: FleetDrainOptions = {}): Promise<FleetDrainResult> {
    await this.#whenBegun();
    return await this.#parts.fleet.setOut(false, options);
  }

  /** The certificates that workers of all sites serve. */
  certificates(): CertificatesResult {
    return this.#parts.status.ofCertificates();
  }

  /**
   * Sends what happens from now on, until that is not wanted or not possible any more, and then rejects: with the
   * signal's reason, or ERR_CONTROL_SLOW.
   * @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  async followEvents(options: EventsOptions, follower: Follower): Promise<never> {
    if (options.siteId !== undefined) this.#parts.sites.get(options.siteId);
    return await followEvents(this.#parts.events, options, follower);
  }

  /** Calls a handler that a worker's code set with `onMasterCall`. */
  callWorker(workerId: string, name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callWorker(workerId: string, name: string, params: unknown, callback: CallCallback<unknown>): void;
  callWorker(
    workerId: string,
    name: string,
    params: unknown,
    options: CallOptions,
    callback: CallCallback<unknown>,
  ): void;
  callWorker(workerId: string, name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#parts.calls.call(workerId, name, params, rest);
  }

  /** Calls a handler that the daemon's code set with `onMasterCall`. */
  callDaemon(name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callDaemon(name: string, params: unknown, callback: CallCallback<unknown>): void;
  callDaemon(name: string, params: unknown, options: CallOptions, callback: CallCallback<unknown>): void;
  callDaemon(name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#parts.calls.call('daemon', name, params, rest);
  }

  /** Answers what workers call with `callMaster`. */
  onWorkerCall(name: string, handler: CallHandler): void {
    this.#parts.calls.onWorkerCall(name, handler);
  }

  /** Answers what the daemon's code calls with `callMaster`. */
  onDaemonCall(name: string, handler: CallHandler): void {
    this.#parts.calls.onDaemonCall(name, handler);
  }

  /** Tells the daemon that no master can run with this conf, and leaves with this code. */
  fail(error: WireError, exitCode: number): void {
    this.#parts.daemon?.peer?.notify('fatal', { error, exitCode });
    process.exitCode = exitCode;
    setImmediate(() => process.exit(exitCode));
  }

  async #run(): Promise<RunResult> {
    takePrecedence();
    this.#handoff = await provedLink(this.#parts.conf.handoff, this.#parts.daemon);
    const { type } = this.#handoff;
    this.#parts.spawner.linkType = type === 'native' ? 'pipe' : type;
    const wish = this.#parts.conf.handoff === 'native' ? 'always' : 'busy';
    this.#parts.spawner.batches = type === 'native' ? wish : undefined;
    this.#parts.events.emit('handoff.chosen', this.#handoff);
    await this.#parts.suspects.begin();
    this.#parts.serve();
    for (const [siteId, served] of (await this.#parts.served.load())?.sites ?? []) {
      this.#parts.manager.restore(siteId, served);
    }
    const started = this.#parts.manager.startAll();
    // Nothing has been opened in this turn.
    this.#parts.awaitedHosts.begin();
    this.#begun.resolve();
    const failures = await started;
    this.#parts.awaitedHosts.end();
    if (!this.#parts.shutdown.begun) this.#parts.acceptor.health.state = 'serving';
    this.#parts.daemon?.settled();
    return { failures };
  }

  /** Resolves once the sites are there that orders are about; at once where nobody will load any. */
  get loaded(): Promise<void> {
    const isLoading = this.#running !== undefined || this.#confSource !== undefined;
    return isLoading ? this.#begun.promise : Promise.resolve();
  }

  /** Resolves once what a reload is about has begun to start. */
  async #whenBegun(): Promise<void> {
    if (this.#running === undefined) {
      throw new VhostError(
        'ERR_MASTER_NOT_RUNNING',
        'serverRun has not been called: there is nothing to reload',
      );
    }
    await this.#begun.promise;
    this.#refuseWhenStopping();
  }

  #refuseWhenStopping(): void {
    if (!this.#parts.shutdown.begun) return;
    throw new VhostError('ERR_MASTER_NOT_RUNNING', 'the master is being stopped: there is nothing to reload');
  }
}

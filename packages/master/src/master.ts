// What a `master.js` gets from `require('@vhostd/master')`: sites are loaded, run, reloaded; events tell the rest.
import { fromWireError, VhostError } from '@vhostd/protocol';
import { chooseLink, Deferred } from '@vhostd/transport';
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
import { Calls } from './calls.js';
import { Certificates } from './certificates/certificates.js';
import { parseMasterConf, parseSite } from './conf/parse-conf.js';
import type { MasterConf, SiteConf } from './conf/site-conf.js';
import { ControlAnswers } from './control/control-answers.js';
import { followEvents } from './control/event-feed.js';
import type { Follower } from './control/event-feed.js';
import { DaemonReports } from './daemon-link/daemon-reports.js';
import { DaemonSide } from './daemon-link/daemon-side.js';
import { ServedState } from './daemon-link/served-state.js';
import { MasterEvents } from './events.js';
import { Fleet } from './fleet/fleet.js';
import type { SiteFailure } from './events.js';
import { Acceptor } from './ingress/acceptor.js';
import { AcceptPause } from './listeners/accept-pause.js';
import { ListenerRegistry } from './listeners/listener-registry.js';
import { LogFiles } from './logs/log-files.js';
import { createLogger } from './logs/logger.js';
import { MasterLog } from './logs/master-log.js';
import { SiteOutput } from './logs/site-output.js';
import { MasterMetrics } from './metrics/master-metrics.js';
import { publish } from './public-events.js';
import type { PublicEvents } from './public-events.js';
import { Router } from './routing/router.js';
import { AddedSites } from './sites/added-sites.js';
import { Shutdown } from './shutdown.js';
import { DesiredSites } from './sites/desired-sites.js';
import { SiteManager } from './sites/site-manager.js';
import { maintainSite, pauseOf, resumeSite } from './sites/site-orders.js';
import type { Site } from './sites/site.js';
import { Sites } from './sites/sites.js';
import { Status } from './status/status.js';
import { SiteWatch } from './watch/site-watch.js';
import { shownVariables } from './workers/shown-variables.js';
import { Suspects } from './workers/suspects.js';
import { WorkerSpawner } from './workers/worker-spawner.js';

/** The outcome of `serverRun`. */
export interface RunResult {
  /** Sites that could not be published, and why. */
  failures: SiteFailure[];
}

/** One a process: accepts connections and hands each to a worker of its site. */
export class Master extends EventEmitter<PublicEvents> {
  readonly #events = new MasterEvents();
  readonly #log: MasterLog;
  readonly #daemon: DaemonSide | undefined;
  readonly #reports: DaemonReports;
  readonly #served: ServedState;
  readonly #listeners: ListenerRegistry;
  readonly #acceptor: Acceptor;
  readonly #router: Router<Site>;
  readonly #suspects: Suspects;
  readonly #spawner: WorkerSpawner;
  readonly #sites: Sites;
  readonly #manager: SiteManager;
  readonly #calls: Calls;
  readonly #certificates: Certificates;
  readonly #fleet: Fleet;
  readonly #watch: SiteWatch;
  readonly #metrics: MasterMetrics;
  readonly #status: Status;
  readonly #shutdown: Shutdown;
  #conf: MasterConf = parseMasterConf({ sites: [] }, { baseDir: process.cwd() });
  #handoff: LinkChoice = { type: 'pipe', handsBack: true };
  #confSource: ((siteId?: string) => Promise<MasterConf>) | undefined;
  #confFile: string | undefined;
  readonly #begun = new Deferred<void>();
  #running: Promise<RunResult> | undefined;

  constructor() {
    super();
    const events = this.#events;
    const { limits, log } = this.#conf;
    this.#log = new MasterLog(createLogger({ name: 'master', level: log.level }));
    this.#daemon = this.#connect();
    this.#listeners = new ListenerRegistry(events, this.#daemon);
    const output = SiteOutput.ofProcess();
    this.#fleet = new Fleet(new ControlAnswers(this), events, output.stateDir);
    this.#router = new Router(this.#listeners, this.#fleet);
    const pause = new AcceptPause(this.#listeners, events);
    this.#acceptor = new Acceptor(this.#router, limits, events, pause);
    this.#listeners.deliverTo((handle, listener) => this.#acceptor.peek(handle, listener));
    this.#suspects = new Suspects(this.#daemon);
    this.#spawner = new WorkerSpawner(this.#acceptor, limits, events, this.#suspects);
    const floor = {
      router: this.#router,
      acceptor: this.#acceptor,
      spawner: this.#spawner,
      listeners: this.#listeners,
      events,
      output,
    };
    this.#sites = new Sites(floor);
    const desired = new DesiredSites(output.stateDir);
    const added = new AddedSites(output.stateDir);
    this.#manager = new SiteManager(this.#sites, this.#router, events, { desired, added });
    this.#calls = new Calls(this.#daemon, this.#sites);
    this.#certificates = new Certificates(
      {
        stateDir: output.stateDir,
        challenges: this.#acceptor.challenges,
        sites: this.#sites,
        directoryOf: (conf) => this.#spawner.directoryOf(conf),
      },
      events,
    );
    this.#watch = new SiteWatch(
      {
        sites: () => this.#sites.list(),
        reload: (siteId) => this.reloadConf(siteId),
        maintain: (siteId, options) => maintainSite(this.#sites.get(siteId), options),
      },
      events,
    );
    this.#metrics = new MasterMetrics({
      sites: this.#sites,
      listeners: this.#listeners,
      health: this.#acceptor.health,
      fleet: this.#fleet,
      certificates: this.#certificates,
      events,
    });
    this.#status = new Status(
      this.#sites,
      this.#listeners,
      this.#watch,
      this.#certificates,
      this.#spawner.siteGroups,
      this.#manager,
    );
    this.#served = new ServedState(this.#daemon, this.#conf);
    this.#reports = new DaemonReports(this.#daemon);
    this.#shutdown = new Shutdown(
      {
        ...floor,
        daemon: this.#daemon,
        sites: this.#sites,
        manager: this.#manager,
        certificates: this.#certificates,
        watch: this.#watch,
        fleet: this.#fleet,
        metrics: this.#metrics,
      },
      this.#conf,
    );
    for (const subscriber of [this.#log, this.#status, this.#served, this.#reports, this.#shutdown])
      subscriber.subscribe(events);
    LogFiles.shared.onFault = (file, code) => events.emit('log.failed', { file, code });
    for (const { trouble } of [desired, added, this.#fleet])
      if (trouble !== undefined) events.emit('sites.desired-unreadable', { message: trouble });
    publish(events, this);
    this.#answerWorkers();
    // With a listener Node opens no inspector on it.
    process.on('SIGUSR1', () => this.reopenLogs());
    setImmediate(() => this.emit('loadend'));
  }

  /** Sets limits, log, backlog and transport for what is opened or started from now on; sites are not touched. */
  configure(conf: MasterConf): void {
    this.#conf = conf;
    this.#log.logger = createLogger({ name: 'master', ...conf.log });
    this.#log.quietOnBroken = conf.log.quietOnBroken === true;
    this.#acceptor.setLimits(conf.limits);
    this.#acceptor.health.path = conf.healthPath;
    this.#spawner.configure(conf);
    this.#spawner.measures = conf.metrics !== undefined;
    this.#listeners.backlog = conf.backlog;
    this.#listeners.leavesAny = Object.keys(conf.limits.perAddress).length === 0;
    this.#certificates.acme = conf.acme;
    this.#events.emit('conf.applied', { conf });
    if (this.#running === undefined) return;
    this.#metrics.serve(conf.metrics);
    this.#fleet.serve(conf);
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
    this.#manager.load(conf);
  }

  /**
   * The conf that the master before this one served with, of each site the one of the generation in force; undefined
   * where there was none under this daemon, or it was of another version of vhostd.
   */
  async rememberedConf(): Promise<MasterConf | undefined> {
    return (await this.#served.load())?.conf;
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
    const sites = siteId === undefined ? this.#sites.list() : [this.#sites.get(siteId)];
    this.#suspects.forgive(sites.map((site) => site.siteId));
    return await this.#manager.reload(sites);
  }

  /**
   * Replaces all workers of a site at once by new ones of the code that is on disk now: the old ones finish what they
   * have and leave, new connections wait meanwhile, then the new ones start.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING, or why the site does not start.
   */
  async restartSite(siteId: string): Promise<RestartResult> {
    await this.#whenBegun();
    const site = this.#sites.get(siteId);
    const workers = site.workers().length;
    const { error } = await this.#fleet.without([siteId], () => this.#manager.restart(site));
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
    const site = this.#sites.get(siteId);
    const stop = (): Promise<SwitchResult> => this.#manager.stopSite(site, now);
    return await (now ? stop() : this.#fleet.without([siteId], stop));
  }

  /**
   * Starts a site that was stopped.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING, or why it does not start.
   */
  async startSite(siteId: string): Promise<SwitchResult> {
    await this.#whenBegun();
    return await this.#manager.startSite(this.#sites.get(siteId));
  }

  /**
   * Adds a site to those that are loaded, also for the next master, until {@link removeSite}. Resolves when it serves, or
   * with why it does not yet. Fields are those of `sites[]` of a conf, relative paths are relative to `baseDir`.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_EXISTS, ERR_MASTER_NOT_RUNNING: nothing has changed.
   */
  async addSite(options: AddSiteOptions): Promise<AddSiteResult> {
    await this.#whenBegun();
    return await this.#manager.addSite(options);
  }

  /**
   * Gives a site that {@link addSite} has added other fields, also for the next master, and replaces its workers as a
   * reload does; one that is stopped is started. Resolves with why that failed, if it did: the change is kept.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF, ERR_SITE_OPTION, ERR_MASTER_NOT_RUNNING: nothing
   * has changed.
   */
  async changeSite(siteId: string, change: ChangeSiteOptions): Promise<ChangeSiteResult> {
    await this.#whenBegun();
    this.#suspects.forgive([siteId]);
    return await this.#manager.changeSite(siteId, change);
  }

  /**
   * Takes away a site that {@link addSite} has added. Resolves when its workers have gone.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF, ERR_MASTER_NOT_RUNNING: nothing has changed.
   */
  async removeSite(siteId: string, { now = false }: Partial<StopSiteOptions> = {}): Promise<SwitchResult> {
    await this.#whenBegun();
    const remove = (): Promise<SwitchResult> => this.#manager.removeSite(siteId, now);
    return await (now ? remove() : this.#fleet.without([siteId], remove));
  }

  /**
   * Gives a site another number of workers, in place of its conf's `cpuLen`, under the next master as well.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_OPTION, ERR_MASTER_NOT_RUNNING.
   */
  async scaleSite(siteId: string, { workers }: ScaleOptions): Promise<ScaleResult> {
    await this.#whenBegun();
    return await this.#manager.scaleSite(this.#sites.get(siteId), workers);
  }

  /**
   * {@link reLoadSite} with the conf as it is now at its source: new sites start, sites that are gone stop.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_UNKNOWN (also of a site that is gone from the conf): nothing has changed.
   * ERR_MASTER_NOT_RUNNING.
   */
  async reloadConf(siteId?: string): Promise<ReloadResult> {
    if (this.#confSource === undefined) return await this.reLoadSite(siteId);
    if (siteId === undefined) this.reopenLogs();
    else this.#sites.find(siteId)?.logs.reopen();
    // What has served goes on first: sites that a reload brought up could not be restored any more.
    await this.#begun.promise;
    const conf = await this.#confSource(siteId);
    this.#refuseWhenStopping();
    if (siteId !== undefined) {
      this.#manager.takeUpOne(siteId, conf.sites);
      return await this.reLoadSite(siteId);
    }
    this.configure(conf);
    this.#suspects.forgive(conf.sites.map((site) => site.siteId));
    const kept = new Set(conf.sites.map((site) => site.siteId));
    const gone = this.#sites.list().flatMap((site) => (kept.has(site.siteId) ? [] : [site.siteId]));
    return await this.#fleet.without(gone, () => this.#manager.takeUp(conf.sites));
  }

  /**
   * Holds the site's new connections unread until {@link resumeSite}, `parkMaxCount` of them and each for a limited
   * time; the others are answered 503. Connections that workers have go on. It outlives reloads, not this process. In a
   * fleet it begins when nobody is led to the site any more.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_OPTION.
   */
  async pauseSite(siteId: string, options: PauseOptions = {}): Promise<PauseResult> {
    const site = this.#sites.get(siteId);
    const result = pauseOf(site, options);
    await this.#fleet.without([siteId], async () => site.ingress.pause(result.timeoutMs));
    this.#events.emit('site.paused', result);
    return result;
  }

  /**
   * Gives the connections that a pause holds to workers, in order.
   * @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  resumeSite(siteId: string): ResumeResult {
    const result = resumeSite(this.#sites.get(siteId));
    this.#events.emit('site.resumed', result);
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
    const result = await maintainSite(this.#sites.get(siteId), options);
    this.#events.emit('site.maintenance', result);
    return result;
  }

  /** Drains every site and leaves; `now` without draining. */
  stop(now = false): Promise<void> {
    return this.#shutdown.stop(now);
  }

  /**
   * What the workers of a site find in their environment, by name; the values are secrets of the site.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_ENV.
   */
  async variables(siteId: string, withValues: boolean): Promise<VariablesResult> {
    const site = this.#sites.get(siteId);
    const all = shownVariables(site.conf, await site.namedVariables(), process.env);
    const variables = withValues ? all : all.map(({ name, from }) => ({ name, from }));
    return { siteId, variables };
  }

  /** Sends a signal to every worker of a site, as `kill` does. @throws {VhostError} ERR_SITE_UNKNOWN. */
  signalSite(siteId: string, { signal }: SignalOptions): SignalResult {
    const site = this.#sites.get(siteId);
    // Most signals wait for a process that stands still.
    site.thaw();
    const workers = site.workers();
    const result = { siteId, signal, workers: workers.filter((worker) => worker.signal(signal)).length };
    this.#events.emit('site.signalled', result);
    return result;
  }

  /**
   * Empties the log files of a site, or of all sites, and removes those that they were rotated to. Resolves with the
   * files. @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  async flushLogs({ siteId }: FlushOptions = {}): Promise<FlushResult> {
    const sites = siteId === undefined ? this.#sites.list() : [this.#sites.get(siteId)];
    const files = (await Promise.all(sites.map((site) => site.logs.flush()))).flat();
    this.#events.emit('logs.flushed', { files });
    return { files: [...new Set(files)] };
  }

  /** Goes on in the log files that have the names now, after log rotation; SIGUSR1 asks for it, too. */
  reopenLogs(): void {
    LogFiles.shared.reopen();
    this.#events.emit('logs.reopened', { file: this.#conf.log.file ?? null });
  }

  /** What `vhostd status --json` shows of the master. */
  status(): MasterStatus {
    return this.#status.ofMaster(this.#handoff, this.#fleet.standing, this.#metrics.standing, this.#confFile);
  }

  /** What `GET /v1/metrics` shows. */
  metrics(): MetricFamily[] {
    return this.#metrics.families();
  }

  /** What `vhostd status SITE --json` shows. @throws {VhostError} ERR_SITE_UNKNOWN. */
  siteDetail(siteId: string): SiteDetail {
    return this.#status.ofSite(siteId);
  }

  /** What `vhostd fleet status --json` shows. @throws {VhostError} ERR_FLEET_NONE. */
  async fleetStatus(options: FleetStatusOptions): Promise<FleetStatus> {
    // Whether there is a fleet is in the conf.
    await this.loaded;
    return await this.#fleet.status(options);
  }

  /**
   * Takes this machine out of the fleet until {@link fleetResume}, also under the next master. Resolves when the edges
   * lead nobody here, or at the limit of time.
   * @throws {VhostError} ERR_FLEET_NONE, ERR_SITE_OPTION, ERR_FLEET_STORE: the last one leaves it wanted.
   */
  async fleetDrain(options: FleetDrainOptions = {}): Promise<FleetDrainResult> {
    await this.#whenBegun();
    return await this.#fleet.setOut(true, options);
  }

  /** Brings it back. @throws {VhostError} as {@link fleetDrain}. */
  async fleetResume(options: FleetDrainOptions = {}): Promise<FleetDrainResult> {
    await this.#whenBegun();
    return await this.#fleet.setOut(false, options);
  }

  /** The certificates that workers of all sites serve. */
  certificates(): CertificatesResult {
    return this.#status.ofCertificates();
  }

  /**
   * Sends what happens from now on, until that is not wanted or not possible any more, and then rejects: with the
   * signal's reason, or ERR_CONTROL_SLOW.
   * @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  async followEvents(options: EventsOptions, follower: Follower): Promise<never> {
    if (options.siteId !== undefined) this.#sites.get(options.siteId);
    return await followEvents(this.#events, options, follower);
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
    return this.#calls.call(workerId, name, params, rest);
  }

  /** Calls a handler that the daemon's code set with `onMasterCall`. */
  callDaemon(name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callDaemon(name: string, params: unknown, callback: CallCallback<unknown>): void;
  callDaemon(name: string, params: unknown, options: CallOptions, callback: CallCallback<unknown>): void;
  callDaemon(name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#calls.call('daemon', name, params, rest);
  }

  /** Answers what workers call with `callMaster`. */
  onWorkerCall(name: string, handler: CallHandler): void {
    this.#calls.onWorkerCall(name, handler);
  }

  /** Answers what the daemon's code calls with `callMaster`. */
  onDaemonCall(name: string, handler: CallHandler): void {
    this.#calls.onDaemonCall(name, handler);
  }

  /** Tells the daemon that no master can run with this conf, and leaves with this code. */
  fail(error: WireError, exitCode: number): void {
    this.#daemon?.peer?.notify('fatal', { error, exitCode });
    process.exitCode = exitCode;
    setImmediate(() => process.exit(exitCode));
  }

  async #run(): Promise<RunResult> {
    this.#handoff = await chooseLink(this.#conf.handoff);
    const { type } = this.#handoff;
    this.#spawner.linkType = type === 'native' ? 'pipe' : type;
    const wish = this.#conf.handoff === 'native' ? 'always' : 'busy';
    this.#spawner.batches = type === 'native' ? wish : undefined;
    this.#events.emit('handoff.chosen', this.#handoff);
    await this.#suspects.begin();
    this.#metrics.serve(this.#conf.metrics);
    this.#fleet.serve(this.#conf);
    for (const [siteId, served] of (await this.#served.load())?.sites ?? []) {
      this.#manager.restore(siteId, served);
    }
    const started = this.#manager.startAll();
    this.#begun.resolve();
    const failures = await started;
    if (!this.#shutdown.begun) this.#acceptor.health.state = 'serving';
    this.#daemon?.settled();
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
    if (!this.#shutdown.begun) return;
    throw new VhostError('ERR_MASTER_NOT_RUNNING', 'the master is being stopped: there is nothing to reload');
  }

  #connect(): DaemonSide | undefined {
    return DaemonSide.connect({
      control: new ControlAnswers(this),
      stop: (mode) => void (mode === 'yield' ? this.#shutdown.yield() : this.stop(mode === 'now')),
      call: (params, context) => this.#calls.fromDaemon(params, context),
      hold: () => {
        this.#metrics.hold();
        this.#fleet.hold();
        this.#listeners.hold();
      },
      accept: async () => {
        this.#metrics.accept(this.#conf.metrics);
        this.#fleet.accept(this.#conf);
        await this.#listeners.accept();
        for (const site of this.#sites.all()) site.ingress.look();
      },
      openSockets: () => this.#listeners.openSockets(),
      workers: () => this.#reports.workers(),
      onOrphaned: () => void this.stop(),
      onAdopted: () => {
        const { failures } = this.#manager;
        if (failures !== undefined) this.#reports.tellLoaded(failures);
      },
      log: (event, fields) => this.#log.logger.warn({ event, ...fields }),
    });
  }

  /** What workers ask for that is not about their own site. */
  #answerWorkers(): void {
    this.#spawner.on('spawned', ({ peer, identity, gone }) => {
      peer.handle('waitForSites', (params) => this.#manager.wait(params, gone));
      peer.handle('call', (params, context) => this.#calls.fromWorker(identity, params, context));
    });
  }
}

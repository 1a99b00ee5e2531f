// What a `master.js` gets from `require('@vhostd/master')`: sites are loaded, run, reloaded; events tell the rest.
import { fromWireError, VhostError } from '@vhostd/protocol';
import { chooseLink } from '@vhostd/transport';
import type { LinkChoice } from '@vhostd/transport';
import type {
  MaintenanceOptions,
  MaintenanceResult,
  MasterStatus,
  PauseOptions,
  PauseResult,
  ReloadResult,
  RestartResult,
  ResumeResult,
  WireError,
} from '@vhostd/protocol';
import type { CallCallback, CallHandler, CallOptions } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import type { SiteFailure } from './sites/conductor.js';
import { parseMasterConf, parseSite } from './conf/parse-conf.js';
import type { MasterConf, SiteConf } from './conf/site-conf.js';
import { ControlAnswers } from './control/control-answers.js';
import { DaemonSide } from './daemon-link/daemon-side.js';
import { Engine } from './engine.js';
import { LogFiles } from './logs/log-files.js';
import { createLogger } from './logs/logger.js';
import type { Logger } from './logs/logger.js';
import type { MasterEvents, RunResult } from './master-events.js';
import { maintainSite, pauseSite, resumeSite } from './sites/site-orders.js';

/** One a process: accepts connections and hands each to a worker of its site. */
export class Master extends EventEmitter<MasterEvents> {
  readonly #engine: Engine;
  readonly #daemon: DaemonSide | undefined;
  #conf: MasterConf = parseMasterConf({ sites: [] }, { baseDir: process.cwd() });
  #log: Logger = createLogger({ name: 'master', level: this.#conf.log.level });
  #handoff: LinkChoice = { type: 'pipe', handsBack: true };
  #confSource: (() => Promise<MasterConf>) | undefined;
  #choosing: Promise<LinkChoice> | undefined;
  #running: Promise<RunResult> | undefined;
  #stopping: Promise<void> | undefined;

  constructor() {
    super();
    this.#daemon = DaemonSide.connect({
      control: new ControlAnswers(this),
      stop: (mode) => void (mode === 'yield' ? this.#yield() : this.stop(mode === 'now')),
      call: (params, context) => this.#engine.calls.fromDaemon(params, context),
      hold: () => this.#engine.registry.hold(),
      accept: () => this.#engine.registry.accept(),
      openSockets: () => this.#engine.registry.openSockets(),
      workers: () => this.#engine.workforce.running(),
      onOrphaned: () => void this.stop(),
      onAdopted: () => this.#tellLoaded(),
      log: (event, fields) => this.#log.warn({ event, ...fields }),
    });
    this.#engine = new Engine(
      {
        conf: () => this.#conf,
        log: () => this.#log,
        linkType: () => this.#handoff.type,
        onListening: (info) => this.emit('server::listening', info),
        onListeningClosed: (info) => this.emit('server::close', info),
        onListenerError: (error) => this.#onListenerError(error),
        onFailed: (failure) => this.#onFailed('site.failed', failure),
        onGivenUp: (failure) => this.#onFailed('site.given-up', failure),
        onRecovered: () => this.#tellLoaded(),
      },
      this.#daemon,
    );
    // With a listener Node opens no inspector on it.
    process.on('SIGUSR1', () => this.reopenLogs());
    setImmediate(() => this.emit('loadend'));
  }

  /** Sets limits, log, backlog and transport for what is opened or started from now on; sites are not touched. */
  configure(conf: MasterConf): void {
    this.#conf = conf;
    this.#log = createLogger({ name: 'master', ...conf.log });
    this.#engine.memory.setConf(conf);
    this.#engine.reception.setLimits(conf.limits);
    this.#engine.registry.setBacklog(conf.backlog);
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
    this.#engine.conductor.load(conf);
  }

  /**
   * The conf that the master before this one served with, of each site the one of the generation in force; undefined
   * where there was none under this daemon, or it was of another version of vhostd.
   */
  async rememberedConf(): Promise<MasterConf | undefined> {
    return (await this.#engine.memory.recall())?.conf;
  }

  /** Where the conf comes from that a reload asked for from outside takes up: signal, command, daemon. */
  setConfSource(load: () => Promise<MasterConf>): void {
    this.#confSource = load;
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
    if (this.#choosing === undefined) {
      throw new VhostError(
        'ERR_MASTER_NOT_RUNNING',
        'serverRun has not been called: there is nothing to reload',
      );
    }
    await this.#choosing;
    this.#refuseWhenStopping();
    const sites = siteId === undefined ? this.#engine.sites.list() : [this.#engine.sites.get(siteId)];
    return await this.#engine.conductor.reload(sites);
  }

  /**
   * {@link reLoadSite} with the conf as it is now at its source: new sites start, sites that are gone stop.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_UNKNOWN (also of a site that is gone from the conf): nothing has changed.
   * ERR_MASTER_NOT_RUNNING.
   */
  async reloadConf(siteId?: string): Promise<ReloadResult> {
    if (this.#confSource === undefined) return await this.reLoadSite(siteId);
    const conf = await this.#confSource();
    this.#refuseWhenStopping();
    if (siteId !== undefined) {
      this.#engine.conductor.takeUpOne(siteId, conf.sites);
      return await this.reLoadSite(siteId);
    }
    this.configure(conf);
    return await this.#engine.conductor.takeUp(conf.sites);
  }

  /**
   * Stops all workers of a site, and starts as many anew when they have gone. Connections that they have finish first;
   * for new ones the site is away meanwhile.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING, or why the site does not start.
   */
  async restartSite(siteId: string): Promise<RestartResult> {
    this.#refuseWhenStopping();
    return { siteId, workers: await this.#engine.conductor.restart(this.#engine.sites.get(siteId)) };
  }

  /**
   * Holds the site's new connections unread until {@link resumeSite}, `parkMaxCount` of them and each for a limited
   * time; the others are answered 503. Connections that workers have go on. It outlives reloads, not this process.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_OPTION.
   */
  pauseSite(siteId: string, options: PauseOptions = {}): PauseResult {
    const result = pauseSite(this.#engine.sites.get(siteId), options);
    this.#log.info({ event: 'site.paused', ...result });
    return result;
  }

  /**
   * Gives the connections that a pause holds to workers, in order.
   * @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  resumeSite(siteId: string): ResumeResult {
    const result = resumeSite(this.#engine.sites.get(siteId));
    this.#log.info({ event: 'site.resumed', ...result });
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
    const result = await maintainSite(this.#engine.sites.get(siteId), options);
    this.#log.info({ event: 'site.maintenance', ...result });
    return result;
  }

  /** Drains every site and leaves; `now` without draining. */
  stop(now = false): Promise<void> {
    this.#stopping ??= this.#stop(now);
    if (now) for (const site of this.#engine.sites.all()) void site.stop(true);
    return this.#stopping;
  }

  /** Goes on in the log files that have the names now, after log rotation; SIGUSR1 asks for it, too. */
  reopenLogs(): void {
    LogFiles.shared.reopen();
    this.#log.info({ event: 'logs.reopened' });
  }

  /** What `vhostd status --json` shows of the master. */
  status(): MasterStatus {
    return {
      pid: process.pid,
      listeners: this.#engine.registry
        .list()
        .map(({ info: { address, port, type } }) => ({ address, port, type })),
      sites: this.#engine.sites.all().map((site) => site.status()),
      handoff: {
        type: this.#handoff.type,
        ...(this.#handoff.reason === undefined ? {} : { reason: this.#handoff.reason }),
      },
      counts: this.#engine.reception.counts,
    };
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
    return this.#engine.calls.call(workerId, name, params, rest);
  }

  /** Calls a handler that the daemon's code set with `onMasterCall`. */
  callDaemon(name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callDaemon(name: string, params: unknown, callback: CallCallback<unknown>): void;
  callDaemon(name: string, params: unknown, options: CallOptions, callback: CallCallback<unknown>): void;
  callDaemon(name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#engine.calls.call('daemon', name, params, rest);
  }

  /** Answers what workers call with `callMaster`. */
  onWorkerCall(name: string, handler: CallHandler): void {
    this.#engine.calls.onWorkerCall(name, handler);
  }

  /** Answers what the daemon's code calls with `callMaster`. */
  onDaemonCall(name: string, handler: CallHandler): void {
    this.#engine.calls.onDaemonCall(name, handler);
  }

  /** Tells the daemon that no master can run with this conf, and leaves with this code. */
  fail(error: WireError, exitCode: number): void {
    this.#daemon?.peer?.notify('fatal', { error, exitCode });
    process.exitCode = exitCode;
    setImmediate(() => process.exit(exitCode));
  }

  async #run(): Promise<RunResult> {
    this.#choosing = chooseLink(this.#conf.handoff);
    this.#handoff = await this.#choosing;
    const { type, reason, whyNot } = this.#handoff;
    if (reason !== undefined) this.#log.warn({ event: 'handoff.fallback', type, reason });
    if (whyNot !== undefined) this.#log.warn({ event: 'handoff.no-hand-backs', reason: whyNot });
    const failures = await this.#engine.start();
    this.#daemon?.settled();
    this.#tellLoaded();
    return { failures };
  }

  #tellLoaded(): void {
    const { failures } = this.#engine.conductor;
    if (failures !== undefined) void this.#daemon?.peer?.notify('loaded', { failures });
  }

  #onFailed(event: 'site.failed' | 'site.given-up', { siteId, error }: SiteFailure): void {
    this.#log.error({ event, siteId, error });
    const ofListener = error.code.startsWith('ERR_LISTEN') || error.code === 'ERR_ROUTE_CONFLICT';
    this.emit(ofListener ? 'server::error' : 'error', Object.assign(fromWireError(error), { siteId }));
  }

  async #stop(now: boolean): Promise<void> {
    this.#daemon?.leave();
    await this.#engine.stop(now);
    process.exit();
  }

  #refuseWhenStopping(): void {
    if (this.#stopping === undefined) return;
    throw new VhostError('ERR_MASTER_NOT_RUNNING', 'the master is being stopped: there is nothing to reload');
  }

  /** Others have the listeners. */
  async #yield(): Promise<void> {
    this.#daemon?.leave();
    await this.#engine.closeEntrance();
    await this.stop();
  }

  #onListenerError(error: Error): void {
    this.#log.error({ event: 'listener.failed', message: error.message });
    this.emit('server::error', error);
  }
}

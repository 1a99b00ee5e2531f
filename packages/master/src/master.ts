// What a `master.js` gets from `require('@vhostd/master')`: sites are loaded, run, reloaded; events tell the rest.
import { setTimeout as delay } from 'node:timers/promises';
import { chooseLink, fromWireError, VhostError } from '@vhostd/protocol';
import type {
  CallCallback,
  CallHandler,
  CallOptions,
  ListeningInfo,
  MaintenanceOptions,
  MaintenanceResult,
  MasterStatus,
  PauseOptions,
  PauseResult,
  ReloadResult,
  ResumeResult,
  WireError,
} from '@vhostd/protocol';
import { EventEmitter } from 'eventemitter3';
import { Calls } from './calls.js';
import { Conductor } from './sites/conductor.js';
import type { SiteFailure } from './sites/conductor.js';
import { ConfUpdates } from './sites/conf-updates.js';
import { parseMasterConf, parseSite } from './conf/parse-conf.js';
import type { MasterConf, SiteConf } from './conf/site-conf.js';
import { DaemonSide } from './daemon/daemon-side.js';
import { ListenerRegistry } from './listeners/listener-registry.js';
import { createLogger } from './logs/logger.js';
import type { Logger } from './logs/logger.js';
import { Reception } from './reception.js';
import { Router } from './routing/router.js';
import type { Site } from './sites/site.js';
import { maintainSite, pauseSite, resumeSite } from './sites/site-orders.js';
import { Sites } from './sites/sites.js';
import { Workforce } from './sites/workforce.js';

/** The events of a {@link Master}. */
export interface MasterEvents {
  /** The master has been set up: load sites now. Emitted once, asynchronously. */
  loadend: [];
  'server::listening': [info: ListeningInfo];
  'server::close': [info: ListeningInfo];
  /** A listening socket failed, or one that the conf names can't be had. */
  'server::error': [error: Error];
  /** Anything else that failed in the background. Unheard, it is logged. */
  error: [error: Error];
}

/** What became of {@link Master.serverRun}. */
export interface RunResult {
  /** Sites that could not be published, and why. */
  failures: SiteFailure[];
}

/** One a process: accepts connections and hands each to a worker of its site. */
export class Master extends EventEmitter<MasterEvents> {
  readonly #sites: Sites;
  readonly #registry: ListenerRegistry;
  readonly #router: Router<Site>;
  readonly #reception: Reception;
  readonly #workforce: Workforce;
  readonly #updates: ConfUpdates;
  readonly #conductor: Conductor;
  readonly #calls: Calls;
  readonly #daemon: DaemonSide | undefined;
  #conf: MasterConf = parseMasterConf({ sites: [] }, { baseDir: process.cwd() });
  #log: Logger = createLogger({ name: 'master', level: this.#conf.log.level });
  #handoff: MasterStatus['handoff'] = { type: 'pipe' };
  #confSource: (() => Promise<MasterConf>) | undefined;
  #choosing: Promise<MasterStatus['handoff']> | undefined;
  #running: Promise<RunResult> | undefined;
  #stopping: Promise<void> | undefined;

  constructor() {
    super();
    this.#daemon = DaemonSide.connect({
      status: () => this.status(),
      reload: (siteId) => this.reloadConf(siteId),
      stop: (now) => void this.stop(now),
      retire: () => void this.#retire(),
      call: (params, context) => this.#calls.fromDaemon(params, context),
      hold: () => this.#registry.hold(),
      accept: () => this.#registry.accept(),
      pauseSite: (siteId, options) => this.pauseSite(siteId, options),
      resumeSite: (siteId) => this.resumeSite(siteId),
      maintenance: (siteId, options) => this.maintenance(siteId, options),
      openSockets: () => this.#registry.openSockets(),
      workers: () => this.#workforce.running(),
      onOrphaned: () => void this.stop(),
      onAdopted: () => this.#tellLoaded(),
      log: (event, fields) => this.#log.warn({ event, ...fields }),
    });
    this.#reception = new Reception(this.#conf.limits, {
      lookup: (key, host) => this.#router.lookup(key, host),
      onAcceptError: (listener, errno) =>
        this.#log.error({ event: 'accept.failed', key: listener.key, errno }),
      onListenerError: (_listener, error) => this.#report('server::error', error),
      onRefused: (listener, status, reason) =>
        this.#log.debug({ event: 'connection.refused', key: listener.key, status, reason }),
    });
    const reception = this.#reception;
    this.#registry = new ListenerRegistry({
      onConnection: (listener, connection) => reception.onConnection(listener, connection),
      onAcceptError: (listener, errno) => reception.onAcceptError(listener, errno),
      onError: (listener, error) => reception.onError(listener, error),
      onListening: (info) => {
        this.#log.info({ event: 'listening', ...info });
        this.emit('server::listening', info);
      },
      onClose: (info) => {
        this.#log.info({ event: 'listening.closed', ...info });
        this.emit('server::close', info);
      },
    });
    this.#registry.setSource(this.#daemon);
    this.#router = new Router(this.#registry);
    this.#updates = new ConfUpdates(this.#router);
    this.#workforce = new Workforce({
      linkType: () => this.#handoff.type,
      headMaxBytes: () => this.#conf.limits.headMaxBytes,
      logsOf: (siteId) => this.#sites.logsOf(siteId),
      onUpdate: (siteId, slot, params) => this.#updates.fromWorker(this.#sites.get(siteId), slot, params),
      onWait: (params, gone) => this.#conductor.wait(params, gone),
      onCall: (workerId, params, context) => this.#calls.fromWorker(workerId, params, context),
      onAccepted: (count) => {
        reception.counts.handedOff += count;
      },
      onViolation: () => {
        reception.counts.violations += 1;
      },
      onForked: (pid, limitMs) => void this.#daemon?.peer?.notify('workerForked', { pid, limitMs }),
      onEnded: (pid) => void this.#daemon?.peer?.notify('workerEnded', { pid }),
      log: () => this.#log,
    });
    this.#sites = new Sites((siteId) => ({
      workers: this.#workforce.of(siteId),
      standingOf: (other) => this.#sites.standingOf(other),
      commit: (changed, next) => this.#updates.commit(changed, next),
      giveUp: (connection, page) => reception.giveUp(connection, page),
      onGivenAgain: () => {
        reception.counts.handedOffAgain += 1;
      },
      onHandedBack: () => {
        reception.counts.handedBack += 1;
      },
      onSlumber: (asleep) => this.#log.info({ event: asleep ? 'site.asleep' : 'site.woken', siteId }),
      onChange: (site) => this.#conductor.onChange(site),
    }));
    this.#conductor = new Conductor(this.#sites, this.#router, {
      onFailed: (failure) => this.#onFailed(failure),
      onRecovered: () => this.#tellLoaded(),
      onReloaded: (outcome) => this.#onReloaded(outcome),
    });
    this.#calls = new Calls({
      daemon: () => this.#daemon?.peer,
      worker: (workerId) => this.#sites.findWorker(workerId)?.worker,
    });
    setImmediate(() => this.emit('loadend'));
  }

  /** Sets limits, log, backlog and transport for what is opened or started from now on; sites are not touched. */
  configure(conf: MasterConf): void {
    this.#conf = conf;
    this.#log = createLogger({ name: 'master', ...conf.log });
    this.#reception.setLimits(conf.limits);
    this.#registry.setBacklog(conf.backlog);
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
    this.#conductor.load(conf);
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
    const sites = siteId === undefined ? this.#sites.list() : [this.#sites.get(siteId)];
    return await this.#conductor.reload(sites);
  }

  /**
   * {@link reLoadSite} with the conf as it is now at its source: new sites start, sites that are gone stop.
   * @throws {VhostError} ERR_CONF_*: nothing has changed. ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING.
   */
  async reloadConf(siteId?: string): Promise<ReloadResult> {
    if (this.#confSource === undefined) return await this.reLoadSite(siteId);
    const conf = await this.#confSource();
    this.#refuseWhenStopping();
    if (siteId !== undefined) {
      const site = conf.sites.find((other) => other.siteId === siteId);
      if (site !== undefined) this.loadSiteConf(site);
      return await this.reLoadSite(siteId);
    }
    this.configure(conf);
    return await this.#conductor.takeUp(conf.sites);
  }

  /**
   * Holds the site's new connections unread until {@link resumeSite}, `parkMaxCount` of them and each for a limited
   * time; the others are answered 503. Connections that workers have go on. It outlives reloads, not this process.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_OPTION.
   */
  pauseSite(siteId: string, options: PauseOptions = {}): PauseResult {
    const result = pauseSite(this.#sites.get(siteId), options);
    this.#log.info({ event: 'site.paused', ...result });
    return result;
  }

  /**
   * Gives the connections that a pause holds to workers, in order.
   * @throws {VhostError} ERR_SITE_UNKNOWN.
   */
  resumeSite(siteId: string): ResumeResult {
    const result = resumeSite(this.#sites.get(siteId));
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
    const result = await maintainSite(this.#sites.get(siteId), options);
    this.#log.info({ event: 'site.maintenance', ...result });
    return result;
  }

  /** Drains every site and leaves; `now` without draining. */
  stop(now = false): Promise<void> {
    this.#stopping ??= this.#stop(now);
    if (now) for (const site of this.#sites.all()) void site.stop(true);
    return this.#stopping;
  }

  /** What `vhostd status --json` shows of the master. */
  status(): MasterStatus {
    return {
      pid: process.pid,
      listeners: this.#registry.list().map(({ info: { address, port, type } }) => ({ address, port, type })),
      sites: this.#sites.all().map((site) => site.status()),
      handoff: this.#handoff,
      counts: this.#reception.counts,
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
    this.#choosing = chooseLink(this.#conf.handoff);
    this.#handoff = await this.#choosing;
    if (this.#handoff.reason !== undefined) this.#log.warn({ event: 'handoff.fallback', ...this.#handoff });
    const failures = await this.#conductor.startAll();
    this.#daemon?.settled();
    this.#tellLoaded();
    return { failures };
  }

  #tellLoaded(): void {
    const { failures } = this.#conductor;
    if (failures !== undefined) void this.#daemon?.peer?.notify('loaded', { failures });
  }

  #onFailed({ siteId, error }: SiteFailure): void {
    this.#log.error({ event: 'site.failed', siteId, error });
    if (error.code.startsWith('ERR_LISTEN') || error.code === 'ERR_ROUTE_CONFLICT') {
      this.#report('server::error', fromWireError(error));
    }
  }

  async #stop(now: boolean): Promise<void> {
    this.#daemon?.leave();
    this.#conductor.close();
    const sites = this.#sites.all();
    await Promise.all(sites.map((site) => this.#router.remove(site)));
    this.#reception.close();
    await this.#conductor.stopAll(now);
    process.exit();
  }

  #onReloaded({ siteId, generation, error }: ReloadResult['sites'][number]): void {
    if (error === undefined) return this.#log.info({ event: 'site.reloaded', siteId, generation });
    const { code, message } = error;
    return this.#log.error({ event: 'site.reload.failed', siteId, generation, code, message });
  }

  #refuseWhenStopping(): void {
    if (this.#stopping === undefined) return;
    throw new VhostError('ERR_MASTER_NOT_RUNNING', 'the master is being stopped: there is nothing to reload');
  }

  /** Others have the listeners: takes nothing new, lets what was accepted find its worker, stops. */
  async #retire(): Promise<void> {
    this.#daemon?.leave();
    this.#conductor.close();
    this.#registry.closeExcept(new Set());
    // Nobody can end a pause here any more.
    for (const site of this.#sites.list()) site.entrance.resume();
    while (this.#unplacedCount() > 0) await delay(UNPLACED_LOOK_MS);
    await this.stop();
  }

  /** Connections that were accepted and have no worker yet; each has its limit of time. */
  #unplacedCount(): number {
    const parked = this.#sites.list().reduce((sum, site) => sum + site.entrance.status().parked, 0);
    return parked + this.#reception.peekingCount;
  }

  #report(event: 'server::error' | 'error', thrown: unknown): void {
    const error = asError(thrown);
    if (!this.emit(event, error)) this.#log.error({ event, code: error.code, message: error.message });
  }
}

/** How often it is looked whether every connection has found its worker, ms. */
const UNPLACED_LOOK_MS = 10;

function asError(thrown: unknown): Error & { code: string } {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return Object.assign(error, {
    code: 'code' in error && typeof error.code === 'string' ? error.code : 'ERR_MASTER',
  });
}

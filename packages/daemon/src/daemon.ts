// The daemon: holds the listening sockets and keeps one master alive.
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus, ReloadResult, UpgradeResult } from '@vhostd/protocol';
import { decode, reloadResult } from '@vhostd/protocol/schemas';
import type { CallCallback, CallHandler, CallOptions } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import { DaemonClient } from './control/daemon-client.js';
import { answerControl } from './control/routes.js';
import { SiteOrders } from './control/site-orders.js';
import type { DaemonEvents, DaemonOptions } from './daemon-options.js';
import { DaemonRuntime } from './daemon-runtime.js';
import { EXIT_CODES } from './exit-codes.js';
import { STORE_CLAIMANT } from './listeners/bound-listeners.js';
import { createLog, errorFields, logOutcome } from './log.js';
import { DaemonCalls } from './master/daemon-calls.js';
import { resolveMasterLaunch } from './master/master-launch.js';
import type { MasterLaunch } from './master/master-process.js';
import type { MasterSlot } from './master/master-slot.js';
import { reapOrphans } from './orphan-reaper.js';
import { resolveRunDir } from './run-dir/run-dir.js';
import { listenForSignals } from './signals.js';
import {
  passedVariables,
  readPassedKeys,
  takePassedSockets,
  UnusedSockets,
} from './systemd/passed-sockets.js';
import { takeGroup } from './systemd/delegated-group.js';
import { serviceNotifier } from './systemd/service-notifier.js';
import type { ServiceNotifier } from './systemd/service-notifier.js';
import { socketStore } from './systemd/socket-store.js';
import type { SocketStore } from './systemd/socket-store.js';
import { createStateDir, resolveStateDir } from './state-dir.js';
import { SUPERVISION_DEFAULTS } from './supervision-defaults.js';
import { begin } from './takeover/begin.js';
import { allowRespawn, ownLaunchInfo } from './takeover/launch-info.js';
import { Upgrades } from './takeover/upgrades.js';
import type { UpgradeOptions } from './takeover/upgrade.js';

/**
 * One daemon: `run` takes the run directory, opens the control socket and forks the master; `stop` undoes it in
 * reverse. A daemon runs once; for another run make another.
 */
export class Daemon extends EventEmitter<DaemonEvents> {
  /** The class itself, for `const { Daemon } = require('@vhostd/daemon')`. */
  static readonly Daemon: typeof Daemon = Daemon;
  static readonly DaemonClient: typeof DaemonClient = DaemonClient;
  static readonly EXIT_CODES: typeof EXIT_CODES = EXIT_CODES;

  readonly #options: DaemonOptions;
  readonly #log: Logger;
  readonly #calls = new DaemonCalls();
  readonly #orders: SiteOrders;
  #masterFile: string | undefined;
  #opening: Promise<void> | undefined;
  #runtime: DaemonRuntime | undefined;
  #closing: Promise<void> | undefined;
  #upgrades: Upgrades | undefined;
  #exitCode: number = EXIT_CODES.ok;
  /** The process is to end with the daemon. */
  #endsProcess = false;
  #ignoreSignals: (() => void) | undefined;
  /** Undefined where systemd wants to hear nothing. */
  #notifier: ServiceNotifier | undefined;
  /** Undefined where systemd holds no sockets for the next daemon. */
  #store: SocketStore | undefined;

  /** @throws {VhostError} ERR_DAEMON_OPTION for an unknown log level. */
  constructor(options: DaemonOptions = {}) {
    super();
    this.#options = options;
    this.#masterFile = options.masterFile;
    this.#log = createLog(options.logLevel ?? 'info');
    this.#orders = new SiteOrders(
      { master: () => this.#runs().slot.control, nextDaemon: () => new DaemonClient(this.runDir) },
      this.#log,
    );
    setImmediate(() => this.emit('loadend'));
  }

  /** Names the file that the master runs; to be called before `run`. */
  setMasterFile(file: string): void {
    this.#masterFile = file;
  }

  /** The directory with the PID file and the control socket; absolute. */
  get runDir(): string {
    return resolveRunDir(this.#options.runDir).path;
  }

  /** The directory whose `log` has the default logs of sites; absolute. */
  get stateDir(): string {
    return resolveStateDir(this.#options);
  }

  /**
   * Resolves when the daemon runs and its first master was forked; 'loaded' tells when the sites are up.
   * Rejects with ERR_DAEMON_RUNNING (`info.pid`); ERR_DAEMON_STATE (it was run before); ERR_DAEMON_MASTER_FILE;
   * ERR_SUPERVISOR_OPTION; those of a `stateDir` that was named: ERR_STATE_DIR_…; and those of the run directory, the lock
   * and the control socket: ERR_RUN_DIR_…,
   * ERR_LOCK_FAILED, ERR_CONTROL_…. Nothing is left behind then, and `run` may be called again.
   */
  async run(): Promise<void> {
    if (this.#opening !== undefined) {
      throw new VhostError('ERR_DAEMON_STATE', 'this daemon was run before: make another one');
    }
    this.#opening = this.#open();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /**
   * Lets the sites drain and stops everything; `now`: without draining. May be called again to be done sooner.
   * Resolves when the master has gone and all is released. The process goes on.
   */
  async stop({ now = false }: { now?: boolean } = {}): Promise<void> {
    try {
      await this.#opening;
    } catch {
      return; // It did not come to run, as whoever called `run` was told.
    }
    void this.#stopMaster(now);
    await this.#closing;
  }

  /** What `vhostd status --json` prints. Rejects with ERR_DAEMON_STATE, ERR_CALL_TIMEOUT, ERR_MESSAGE_INVALID. */
  async status(): Promise<DaemonStatus> {
    return await this.#runs().status();
  }

  /**
   * Reloads one site, or all; any number of requests for all that come while one is at work become one. During an
   * upgrade it waits for the end of that, and is done by the daemon that is in charge then.
   * Rejects with ERR_DAEMON_STATE, ERR_MASTER_NOT_RUNNING, ERR_CALL_LOST, or the master's error.
   */
  async reload(siteId?: string): Promise<ReloadResult> {
    const path = siteId === undefined ? '/reload' : `/sites/${encodeURIComponent(siteId)}/reload`;
    return decode(reloadResult, await this.#orders.give({ method: 'POST', path, body: {} }), 'reload');
  }

  /**
   * Replaces this daemon by a new one of the code that is on disk now, with another master and workers, without
   * refusing a connection. Reloads that were asked for before are done first. Resolves when that is in charge; this one
   * ends when its master's connections have ended.
   * Rejects with ERR_UPGRADE_FAILED (all is as before), ERR_UPGRADE_RUNNING, ERR_UPGRADE_PROGRAM, ERR_DAEMON_STATE.
   */
  upgrade(options: UpgradeOptions = {}): Promise<UpgradeResult> {
    const outcome = this.#upgrade(options);
    const told = outcome.then(({ pid, ...rest }) => ({ ...rest, daemon: pid }));
    logOutcome(this.#log, 'upgrade', 'upgraded', told).catch(() => undefined);
    return outcome;
  }

  /** Answers calls of this name by the master's code. @throws {VhostError} ERR_CALL_HANDLER if it has a handler. */
  onMasterCall(name: string, handler: CallHandler): void {
    this.#calls.ofMaster.handle(name, handler);
  }

  /** Answers calls of this name by workers' code, whose id is `from`. @throws {VhostError} ERR_CALL_HANDLER. */
  onWorkerCall(name: string, handler: CallHandler): void {
    this.#calls.ofWorkers.handle(name, handler);
  }

  /**
   * Calls a handler that the master's code set with `onDaemonCall`. Without a callback it gives a promise.
   * Fails with ERR_DAEMON_STATE, ERR_MASTER_NOT_RUNNING, ERR_CALL_TIMEOUT, ERR_CALL_LOST, ERR_CALL_UNKNOWN (no
   * such handler), ERR_CALL_INVALID, ERR_CALL_SOCKET (the socket is untouched then), or what the handler threw.
   */
  callMaster(name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callMaster(name: string, params: unknown, callback: CallCallback<unknown>): void;
  callMaster(name: string, params: unknown, options: CallOptions, callback: CallCallback<unknown>): void;
  callMaster(name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#calls.call(() => this.#runs().slot.peer, { name, params }, rest);
  }

  /** Calls a handler of a worker by way of the master; otherwise as {@link callMaster}. */
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
    return this.#calls.call(() => this.#runs().slot.peer, { name, params, workerId }, rest);
  }

  /**
   * Heeds SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 until the daemon has stopped, and is not stopped by a terminal.
   * `run` does so unless `signals` is false.
   */
  handleSignals(): void {
    this.#ignoreSignals ??= listenForSignals({
      stop: (now) => {
        this.#log.info({ event: 'stop.signal', now });
        this.#endProcess();
        void this.stop({ now });
      },
      // Nobody waits for these; what came of them is in the log.
      reload: () => void this.reload().catch(() => undefined),
      upgrade: () => void this.upgrade().catch(() => undefined),
      reopenLogs: () =>
        void this.#orders.give({ method: 'POST', path: '/logs/reopen', body: {} }).catch(() => undefined),
    });
  }

  /** The daemon's beginning, read aloud. */
  async #open(): Promise<void> {
    if (this.#ownsProcess) this.#store = socketStore(process.env, this.#log);
    const stateDir = this.#takeStateDir();
    const group = takeGroup(process.env, this.#log);
    const launch = resolveMasterLaunch(this.#masterFile, { stateDir, group }, this.#options);
    const runtime = this.#createRuntime(launch, stateDir);
    runtime.guard.announce();
    this.#reportMaster(runtime.slot);
    // As the first daemon, after the death of one, or as the candidate of an upgrade.
    const start = await begin(runtime);
    this.#runtime = runtime;
    if (this.#ownsProcess) takePassedSockets(process.env, runtime.listeners, this.#log);
    this.#takeCharge(runtime);
    this.#upgrades = this.#allowFollowers(runtime, launch);
    this.#log.info({ event: 'started', runDir: this.runDir, masterFile: launch.file });
    start();
  }

  /** Undefined where there can be none, which is no reason not to serve, unless somebody named it. */
  #takeStateDir(): string | undefined {
    const directory = this.stateDir;
    try {
      createStateDir(directory);
      return directory;
    } catch (error) {
      if (this.#options.stateDir !== undefined) throw error;
      this.#log.warn({ event: 'state-dir.failed', ...errorFields(this.#log, error) });
      return undefined;
    }
  }

  #createRuntime(launch: MasterLaunch, stateDir: string | undefined): DaemonRuntime {
    const answer = answerControl({
      orders: this.#orders,
      status: () => this.status(),
      upgrade: (options) => this.upgrade(options),
      stopMaster: (now) => {
        this.#log.info({ event: 'stop.control', now });
        this.#endProcess();
        return { master: this.#runtime?.slot.pid, gone: this.#stopMaster(now) };
      },
    });
    return new DaemonRuntime({
      runDir: this.runDir,
      stateDir,
      launch,
      supervision: this.#options.supervision ?? {},
      calls: this.#calls,
      passedKeys: this.#ownsProcess ? readPassedKeys(process.env) : [],
      control: async (call) => {
        // The socket is there a moment before all is that it gives access to.
        await this.#opening;
        return await answer(call);
      },
      onListenerExpired: (key) => this.#log.warn({ event: 'listener.expired', key }),
      onUnlisted: (error) => this.#log.warn({ event: 'run-dir.unlisted', ...errorFields(this.#log, error) }),
      onLost: (error) => this.#fail(error),
      onRestored: (file) => this.#log.warn({ event: 'run-dir.restored', file }),
    });
  }

  /** Logs and emits what becomes of the master. */
  #reportMaster(slot: MasterSlot): void {
    const tellPid = (event: 'master::spawned' | 'master::adopted' | 'master::ready') => (pid: number) => {
      this.#log.info({ event, master: pid });
      this.emit(event, pid);
    };
    slot.on('spawned', tellPid('master::spawned'));
    slot.on('adopted', tellPid('master::adopted'));
    slot.on('ready', tellPid('master::ready'));
    slot.on('exit', (reason) => {
      this.#log.info({ event: 'master::exit', reason: reason.message });
      this.emit('master::exit', reason);
    });
    slot.on('trouble', (event, detail) => this.#log.warn({ event, ...errorFields(this.#log, detail) }));
  }

  /** From now on this daemon is the one of its run directory. */
  #takeCharge({ slot, listeners }: DaemonRuntime): void {
    const unused = new UnusedSockets(listeners, this.#log);
    slot.on('loaded', (failures) => {
      unused.check();
      this.#log.info({ event: 'loaded', failed: failures.map(({ siteId }) => siteId) });
      this.emit('loaded', failures);
    });
    slot.on('given-up', (error, exitCode) => {
      this.#exitCode = exitCode;
      this.#endProcess();
      this.#fail(error);
      void this.#stopMaster(false);
    });
    if (!this.#ownsProcess) return;
    this.handleSignals();
    reapOrphans((library) => this.#log.info({ event: 'orphans.reaped', library: library ?? 'none' }));
    this.#notifier = serviceNotifier(process.env, this.#log);
    this.#notifier?.takeCharge(slot, this.#orders);
    slot.once('loaded', () => {
      for (const { key } of listeners.held()) listeners.release(STORE_CLAIMANT, key);
    });
    this.#store?.follow(listeners);
  }

  /** Lets a master start this program anew when it dies, and an upgrade on request. */
  #allowFollowers(runtime: DaemonRuntime, { linkType, bootTimeoutMs }: MasterLaunch): Upgrades {
    // With the first process of a container all others end: nobody can follow it.
    const launch =
      this.#ownsProcess && process.pid !== 1
        ? ownLaunchInfo({
            runDir: this.runDir,
            linkType,
            bootTimeoutMs,
            env: passedVariables(runtime.listeners),
          })
        : undefined;
    if (launch !== undefined) {
      allowRespawn(runtime.slot, launch);
      const { pidFile } = resolveRunDir(this.runDir);
      // Whom systemd starts again gets the stored sockets; whom a guard starts could not bind them.
      if (this.#store === undefined) runtime.guard.allow(launch, pidFile, runtime.listeners);
    }
    const heartbeat = this.#options.supervision?.heartbeat ?? SUPERVISION_DEFAULTS.heartbeat;
    return new Upgrades({ runtime, orders: this.#orders, log: this.#log, heartbeat, launch });
  }

  async #upgrade(options: UpgradeOptions): Promise<UpgradeResult> {
    const runtime = this.#runs();
    if (this.#closing !== undefined || this.#upgrades === undefined) {
      throw new VhostError('ERR_DAEMON_STATE', 'this daemon is being stopped');
    }
    const result = await this.#upgrades.run(options);
    // Another daemon is in charge, and has the guard: this one lets its master finish, then ends.
    this.#notifier?.replaced(result.pid);
    this.#store?.leave();
    runtime.guard.leave();
    this.#endProcess();
    this.#closing ??= this.#close(runtime, runtime.slot.yield());
    return result;
  }

  #fail(error: Error): void {
    this.#log.error({ event: 'error', ...errorFields(this.#log, error) });
    this.emit('error', error);
  }

  #runs(): DaemonRuntime {
    if (this.#runtime !== undefined) return this.#runtime;
    throw new VhostError('ERR_DAEMON_STATE', 'this daemon does not run');
  }

  get #ownsProcess(): boolean {
    return this.#options.signals !== false;
  }

  #endProcess(): void {
    this.#endsProcess ||= this.#ownsProcess;
  }

  /** Resolves when the master has gone, and what an upgrade has started; all else closes behind it. */
  async #stopMaster(now: boolean): Promise<void> {
    const runtime = this.#runtime;
    if (runtime === undefined) return;
    this.#notifier?.stopping();
    this.#orders.abandon();
    runtime.guard.dismiss();
    const gone = this.#endMaster(runtime, now);
    this.#closing ??= this.#close(runtime, gone);
    await gone;
  }

  async #endMaster({ slot }: DaemonRuntime, now: boolean): Promise<void> {
    await this.#store?.stopping();
    await Promise.all([slot.stop({ now }), this.#upgrades?.abort(now)]);
  }

  /** The daemon's end, read aloud. */
  async #close(runtime: DaemonRuntime, gone: Promise<unknown>): Promise<void> {
    await gone;
    runtime.listeners.closeAll();
    // Those that another daemon carries out are answered by this one.
    await this.#orders.settled();
    await runtime.close();
    this.#runtime = undefined;
    this.#ignoreSignals?.();
    this.#log.info({ event: 'stopped', exitCode: this.#exitCode });
    this.emit('stopped', this.#exitCode);
    if (this.#endsProcess) process.exit(this.#exitCode);
  }
}

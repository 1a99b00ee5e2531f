// The daemon: holds the listening sockets and keeps one master alive.
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus, ReloadResult, UpgradeResult } from '@vhostd/protocol';
import { decode, reloadResult } from '@vhostd/protocol/schemas';
import type { CallCallback, CallHandler, CallOptions } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import { DaemonClient } from './control/daemon-client.js';
import { ControlServer } from './control/control-server.js';
import { answerControl } from './control/routes.js';
import { SiteOrders } from './control/site-orders.js';
import { DaemonCalls } from './daemon-calls.js';
import type { DaemonEvents, DaemonOptions } from './daemon-options.js';
import { EXIT_CODES } from './exit-codes.js';
import { RunDirLease } from './run-dir/run-dir-lease.js';
import { createLog, errorFields, logOutcome } from './log.js';
import { resolveMasterLaunch } from './master/master-launch.js';
import type { MasterSlotOwner } from './master/master-slot.js';
import { resolveRunDir } from './run-dir/run-dir.js';
import { DaemonRuntime } from './daemon-runtime.js';
import { listenForSignals } from './signals.js';
import { slotReports } from './master/slot-reports.js';
import { Upgrades } from './takeover/upgrades.js';
import type { UpgradeOptions } from './takeover/upgrade.js';
import { SUPERVISION_DEFAULTS } from './supervision-defaults.js';

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
  #running: DaemonRuntime | undefined;
  #closing: Promise<void> | undefined;
  readonly #upgrades = new Upgrades();
  #exitCode: number = EXIT_CODES.ok;
  /** The process is to end with the daemon. */
  #endsProcess = false;
  #ignoreSignals: (() => void) | undefined;

  /** @throws {VhostError} ERR_DAEMON_OPTION for a log level that is none. */
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

  /**
   * Resolves when the daemon runs and its first master was forked; 'loaded' tells when the sites are up.
   * Rejects with ERR_DAEMON_RUNNING (`info.pid`); ERR_DAEMON_STATE (it was run before); ERR_DAEMON_MASTER_FILE;
   * ERR_SUPERVISOR_OPTION; and those of the run directory, the lock and the control socket: ERR_RUN_DIR_…,
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

  /** Heeds SIGTERM, SIGINT, SIGHUP and SIGUSR2 until the daemon has stopped. `run` does so unless `signals` is false. */
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
    });
  }

  async #open(): Promise<void> {
    const { supervision = {}, signals } = this.#options;
    const launch = resolveMasterLaunch(this.#masterFile, this.#options);
    const { running, start } = await DaemonRuntime.open({
      runDir: this.runDir,
      launch,
      supervision,
      owner: this.#slotOwner(),
      onListenerExpired: (key) => this.#log.warn({ event: 'listener.expired', key }),
      takeRunDir: () => this.#takeRunDir(),
    });
    this.#running = running;
    if (signals !== false) {
      this.handleSignals();
      this.#upgrades.provide(running.slot, {
        runDir: this.runDir,
        linkType: launch.linkType,
        bootTimeoutMs: launch.bootTimeoutMs,
      });
    }
    this.#log.info({ event: 'started', runDir: this.runDir, masterFile: launch.file });
    start();
  }

  async #upgrade(options: UpgradeOptions): Promise<UpgradeResult> {
    const running = this.#runs();
    if (this.#closing !== undefined) throw new VhostError('ERR_DAEMON_STATE', 'this daemon is being stopped');
    const result = await this.#upgrades.upgrade(options, {
      running,
      heartbeat: this.#options.supervision?.heartbeat ?? SUPERVISION_DEFAULTS.heartbeat,
      betweenOrders: (upgrade, onWaiting) => this.#orders.upgrade(upgrade, onWaiting),
      onProgress: (what) => this.#log.info({ event: 'upgrade', what }),
    });
    this.#leaveTo(running);
    return result;
  }

  #takeRunDir(): Promise<RunDirLease> {
    const onLost = (error: Error): void => this.#fail(error);
    return RunDirLease.acquire(resolveRunDir(this.#options.runDir), this.#createControl(), onLost);
  }

  /** Another daemon is in charge: lets the master finish, then ends. */
  #leaveTo(running: DaemonRuntime): void {
    this.#endProcess();
    this.#closing ??= this.#close(running, running.slot.yield());
  }

  #createControl(): ControlServer {
    // The socket is there a moment before all is that it gives access to.
    const answer = answerControl({
      orders: this.#orders,
      status: () => this.status(),
      upgrade: (options) => this.upgrade(options),
      stopMaster: (now) => {
        this.#log.info({ event: 'stop.control', now });
        this.#endProcess();
        return { master: this.#running?.slot.pid, gone: this.#stopMaster(now) };
      },
    });
    return new ControlServer(async (call) => {
      // The socket is there a moment before all is that it gives access to.
      await this.#opening;
      return await answer(call);
    });
  }

  #slotOwner(): MasterSlotOwner {
    return {
      ...slotReports(this, this.#log),
      onGivenUp: (error, exitCode) => {
        this.#exitCode = exitCode;
        this.#endProcess();
        this.#fail(error);
        void this.#stopMaster(false);
      },
      onCall: (call, handle) => this.#calls.dispatch(call, handle),
    };
  }

  #fail(error: Error): void {
    this.#log.error({ event: 'error', ...errorFields(this.#log, error) });
    this.emit('error', error);
  }

  #runs(): DaemonRuntime {
    if (this.#running !== undefined) return this.#running;
    throw new VhostError('ERR_DAEMON_STATE', 'this daemon does not run');
  }

  #endProcess(): void {
    this.#endsProcess ||= this.#options.signals !== false;
  }

  /** Resolves when the master has gone, and what an upgrade has started; all else closes behind it. */
  async #stopMaster(now: boolean): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#orders.abandon();
    const gone = Promise.all([running.slot.stop({ now }), this.#upgrades.abort(now)]);
    this.#closing ??= this.#close(running, gone);
    await gone;
  }

  async #close(running: DaemonRuntime, gone: Promise<unknown>): Promise<void> {
    await gone;
    running.listeners.closeAll();
    // Those that another daemon does are answered by this one.
    await this.#orders.settled();
    try {
      await running.close();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    this.#running = undefined;
    this.#ignoreSignals?.();
    this.#log.info({ event: 'stopped', exitCode: this.#exitCode });
    this.emit('stopped', this.#exitCode);
    if (this.#endsProcess) process.exit(this.#exitCode);
  }
}

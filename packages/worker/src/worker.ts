// What a site's code gets from `require('@vhostd/worker')`: its server, its conf, its calls to other processes.
import type { Server } from 'node:net';
import { toWireError, VhostError } from '@vhostd/protocol';
import { callArguments, CallRegistry, packSocket, withCallback } from '@vhostd/transport';
import type { Call, ServerConfUpdate, WorkerIdentity } from '@vhostd/protocol';
import type { CallCallback as Callback, CallHandler, CallOptions } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import { ConfSender } from './conf-sender.js';
import type { UpdateResult } from './conf-sender.js';
import type { Logger } from 'pino';
import { createWorkerLogger } from './worker-logger.js';
import { Lifecycle } from './lifecycle.js';
import type { LifecycleHooks } from './lifecycle.js';
import { ManagedSite } from './managed-site.js';
import { applyServerConfig } from './server-config.js';
import type { ConfigurableServer } from './server-config.js';
import { Standalone } from './standalone.js';

/** Options of {@link Worker.waitForSites}. */
export interface WaitOptions {
  /** How long to wait, ms. */
  timeoutMs?: number;
}

/** The events of a {@link Worker}. */
export interface WorkerEvents {
  /** The site's server failed; emitted by the site's own code, and by vhostd where nobody else would hear. */
  'server::error': [error: Error];
  /** A connection of the site failed. Connections are only watched while somebody listens for this. */
  'socket::error': [error: Error];
  /** Anything else that failed in the background. Unheard, it is printed on stderr. */
  error: [error: Error];
  /** The worker takes no new connection from now on. */
  drain: [];
}

/**
 * One worker of a site. Under a master it serves the connections that the master hands off; started alone
 * (`node index.js`) it listens by itself on the ports of its conf.
 */
export class Worker extends EventEmitter<WorkerEvents> {
  /** A place for the site's conf; vhostd does not read it. */
  config: unknown = undefined;
  readonly #identity: WorkerIdentity | undefined;
  readonly #lifecycle: Lifecycle = new Lifecycle();
  readonly #masterCalls: CallRegistry = new CallRegistry();
  readonly #workerCalls: CallRegistry = new CallRegistry();
  readonly #daemonCalls: CallRegistry = new CallRegistry();
  readonly #managed: ManagedSite | undefined;
  readonly #standalone: Standalone | undefined;
  readonly #confs: ConfSender;
  #server: ConfigurableServer | undefined;
  /** The site's code has set its server. */
  #serverSet = false;
  #log: Logger | undefined;
  #startedAlone = false;

  constructor(identity: WorkerIdentity | undefined) {
    super();
    this.#identity = identity;
    const host = {
      lifecycle: this.#lifecycle,
      onServer: (server: Server): void => {
        this.#server = applyServerConfig(server);
      },
      onDrain: (): void => void this.emit('drain'),
      onError: (error: Error): void => this.#report(error),
      watchesSockets: (): boolean => this.listenerCount('socket::error') > 0,
      onSocketError: (error: Error): void => void this.emit('socket::error', error),
      answer: (call: Call, handle: Parameters<CallRegistry['dispatch']>[1]): Promise<unknown> =>
        this.#registryOf(call).dispatch(call, handle),
      sendConf: (update: ServerConfUpdate): Promise<UpdateResult> => this.#confs.push(update),
      confsSent: (): Promise<void> => this.#confs.idle(),
    };
    if (identity === undefined) {
      this.#standalone = new Standalone(() => this.server);
      this.#confs = new ConfSender((update) => this.#updateAlone(update));
    } else {
      const managed = ManagedSite.open(identity, host);
      this.#managed = managed;
      this.#confs = new ConfSender((update) => managed.update(update));
    }
  }

  /** The worker's id, unique under its master; `standalone` without one. */
  get id(): string {
    return this.#identity?.workerId ?? 'standalone';
  }

  /** The site's id; `standalone` without a master. */
  get siteId(): string {
    return this.#identity?.siteId ?? 'standalone';
  }

  /** Number of the code and conf that this worker runs; 0 without a master. */
  get generation(): number {
    return this.#identity?.generation ?? 0;
  }

  /**
   * The site's server: http, https, http2, tls or net. Set it once, while the site loads; under a master the site
   * is published after that. It wins over one that listened before. Of a site that sets none it is the HTTP server that
   * listens on the site's `appPort`; without `appPort` the first one that listens, see docs/apps.md. `setConfig(conf)`
   * is added to it, which sets the timeouts and limits that `conf` names.
   * @throws {VhostError} ERR_SERVER_MISSING when it is read before it was set, ERR_SERVER_SET when it is set twice,
   * ERR_SITE_NO_SERVER where the site's conf says that it has none.
   */
  get server(): ConfigurableServer {
    if (this.#server === undefined) {
      throw new VhostError(
        'ERR_SERVER_MISSING',
        'worker.server has not been set; assign an http server to it first',
      );
    }
    return this.#server;
  }

  set server(server: Server) {
    if (this.#serverSet) {
      if (this.#server === server) return;
      throw new VhostError('ERR_SERVER_SET', 'worker.server is set already; a site has one server');
    }
    this.#serverSet = true;
    this.#server = applyServerConfig(server);
    this.#managed?.setServer(server);
  }

  /**
   * A pino logger that names site, worker and pid in each line and writes JSON to stdout, which the master puts into
   * the site's `logOutput` and `logAll`. Loaded at first use; level `info`, or what `LOG_LEVEL` says.
   */
  get log(): Logger {
    this.#log ??= createWorkerLogger({ siteId: this.siteId, workerId: this.id });
    return this.#log;
  }

  /** Whether {@link server} has been set. */
  get hasServer(): boolean {
    return this.#server !== undefined;
  }

  /**
   * Changes hosts, ports, default site or worker count of the running site; what the update does not name stays.
   * It is atomic: where anything in it can't be had, nothing changes and the promise rejects (or the callback gets
   * the error) with a code of docs/errors.md, the value and the reason. Without a master the site listens by itself
   * on the ports that `listen` names, the first one replaced by `--port`.
   */
  updateServerConf(update: ServerConfUpdate): Promise<UpdateResult>;
  updateServerConf(update: ServerConfUpdate, callback: Callback<UpdateResult>): void;
  updateServerConf(
    update: ServerConfUpdate,
    callback?: Callback<UpdateResult>,
  ): Promise<UpdateResult> | void {
    return withCallback(this.#update(update), callback);
  }

  /**
   * Sets hooks around the site's start and end; see {@link LifecycleHooks}.
   * @throws {VhostError} ERR_LIFECYCLE_LATE, ERR_LIFECYCLE_HOOK.
   */
  lifecycle(hooks: LifecycleHooks): void {
    this.#lifecycle.add(hooks);
  }

  /**
   * Waits until all of these sites, or this one, are published, for use in `started` and elsewhere. `timeoutMs`: by default the
   * site's `callTimeout`. Rejects (or the callback gets the error) with ERR_SITE_WAIT_TIMEOUT, which names those that
   * are not published, ERR_SITE_UNKNOWN, ERR_CALL_INVALID, ERR_CALL_NO_MASTER, ERR_CALL_LOST.
   */
  waitForSites(siteIds: string | readonly string[], options?: WaitOptions): Promise<void>;
  waitForSites(siteIds: string | readonly string[], callback: Callback<void>): void;
  waitForSites(siteIds: string | readonly string[], options: WaitOptions, callback: Callback<void>): void;
  waitForSites(siteIds: string | readonly string[], ...rest: unknown[]): Promise<void> | void {
    const { options, callback } = callArguments(rest);
    return withCallback(this.#wait(siteIds, options.timeoutMs), callback);
  }

  /** Calls a handler that the master's code set with `onWorkerCall`. */
  callMaster(name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callMaster(name: string, params: unknown, callback: Callback<unknown>): void;
  callMaster(name: string, params: unknown, options: CallOptions, callback: Callback<unknown>): void;
  callMaster(name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#call('master', name, params, rest);
  }

  /** Calls a handler that another worker's code set with `onWorkerCall`, by that worker's id. */
  callWorker(workerId: string, name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callWorker(workerId: string, name: string, params: unknown, callback: Callback<unknown>): void;
  callWorker(
    workerId: string,
    name: string,
    params: unknown,
    options: CallOptions,
    callback: Callback<unknown>,
  ): void;
  callWorker(workerId: string, name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#call(workerId, name, params, rest);
  }

  /** Calls a handler that the daemon's code set with `onWorkerCall`; the master passes it on. */
  callDaemon(name: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  callDaemon(name: string, params: unknown, callback: Callback<unknown>): void;
  callDaemon(name: string, params: unknown, options: CallOptions, callback: Callback<unknown>): void;
  callDaemon(name: string, params?: unknown, ...rest: unknown[]): Promise<unknown> | void {
    return this.#call('daemon', name, params, rest);
  }

  /** Answers what the master's code calls with `callWorker`. */
  onMasterCall(name: string, handler: CallHandler): void {
    this.#masterCalls.handle(name, handler);
  }

  /** Answers what other workers call with `callWorker`. */
  onWorkerCall(name: string, handler: CallHandler): void {
    this.#workerCalls.handle(name, handler);
  }

  /** Answers what the daemon's code calls with `callWorker`. */
  onDaemonCall(name: string, handler: CallHandler): void {
    this.#daemonCalls.handle(name, handler);
  }

  async #update(update: ServerConfUpdate): Promise<UpdateResult> {
    const copy: ServerConfUpdate = {};
    if (update.listen !== undefined) copy.listen = update.listen.map((entry) => ({ ...entry }));
    if (update.defaultListen !== undefined) copy.defaultListen = update.defaultListen;
    if (update.cpuLen !== undefined) copy.cpuLen = update.cpuLen;
    this.#lifecycle.merge(copy);
    return await this.#confs.push(copy);
  }

  async #updateAlone(update: ServerConfUpdate): Promise<UpdateResult> {
    await this.#startAlone();
    const result = await this.#standalone?.update(update);
    return result ?? { listening: [] };
  }

  /** Without a master, too, `started` comes before the first connection and `stopped` before the end. */
  async #startAlone(): Promise<void> {
    if (this.#startedAlone) return;
    this.#startedAlone = true;
    await this.#lifecycle.start();
    if (!this.#lifecycle.hasStop) return;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void this.#stopAlone());
  }

  async #stopAlone(): Promise<void> {
    try {
      await this.#lifecycle.stop();
    } catch (error) {
      this.#report(error instanceof Error ? error : new Error(String(error)));
      process.exitCode = 1;
    }
    process.exit();
  }

  async #wait(siteIds: string | readonly string[], timeoutMs: number | undefined): Promise<void> {
    if (this.#managed === undefined) {
      throw new VhostError('ERR_CALL_NO_MASTER', 'this site runs without a master: there are no others');
    }
    await this.#managed.waitForSites([siteIds].flat(), timeoutMs);
  }

  #call(to: string, name: string, params: unknown, rest: unknown[]): Promise<unknown> | void {
    const { options, callback } = callArguments(rest);
    return withCallback(this.#send(to, name, params, options), callback);
  }

  async #send(to: string, name: string, params: unknown, options: CallOptions): Promise<unknown> {
    if (this.#managed === undefined) {
      options.socket?.destroy();
      throw new VhostError('ERR_CALL_NO_MASTER', `'${name}' was not called: this site runs without a master`);
    }
    const packed = options.socket === undefined ? undefined : packSocket(options.socket);
    return await this.#managed.call(to, name, params, { timeoutMs: options.timeoutMs, packed });
  }

  #registryOf(call: Call): CallRegistry {
    if (call.from === 'master') return this.#masterCalls;
    return call.from === 'daemon' ? this.#daemonCalls : this.#workerCalls;
  }

  #report(error: Error): void {
    if (!this.emit('error', error)) console.error(toWireError(error));
  }
}

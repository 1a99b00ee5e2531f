// What a daemon holds while it runs: the listening sockets, the master's place, and the run directory with its control
// socket, which it looks after.
import { performance } from 'node:perf_hooks';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import type { ProcessIdentity } from '@vhostd/supervisor';
import type { ControlHandler } from './control/control-exchange.js';
import { ControlServer } from './control/control-server.js';
import type { SupervisionOptions } from './daemon-options.js';
import { readDaemonStatus } from './daemon-status.js';
import { forgetRunDir, isOfService, rememberRunDir } from './known-run-dirs.js';
import { BoundListeners } from './listeners/bound-listeners.js';
import type { DaemonCalls } from './master/daemon-calls.js';
import type { MasterLaunch } from './master/master-process.js';
import { MasterSlot } from './master/master-slot.js';
import { RunDirLease } from './run-dir/run-dir-lease.js';
import { resolveRunDir } from './run-dir/run-dir.js';
import type { RunDir } from './run-dir/run-dir.js';
import { SUPERVISION_DEFAULTS } from './supervision-defaults.js';
import { Guard } from './master/guard.js';

/** What a daemon needs to run. */
export interface DaemonRuntimeOptions {
  readonly runDir: string;
  /** Undefined where there is none. */
  readonly stateDir: string | undefined;
  readonly launch: MasterLaunch;
  readonly supervision: SupervisionOptions;
  readonly calls: DaemonCalls;
  /** Keys of sockets that were passed to the first daemon. */
  readonly passedKeys: readonly string[];
  /** Answers the control API. */
  readonly control: ControlHandler;
  /** The address of this key is closed: no master asked for it in time. */
  onListenerExpired(key: string): void;
  /** Commands do not find this daemon by themselves. */
  onUnlisted(error: unknown): void;
  /** What was taken away of the run directory could not be put back; told once until it could. */
  onLost(error: Error): void;
  /** A file of the run directory was taken away, and is there again. */
  onRestored(file: string): void;
}

export class DaemonRuntime {
  readonly listeners: BoundListeners;
  readonly slot: MasterSlot;
  readonly guard: Guard = new Guard();
  readonly #startedAtMs: number = performance.now();
  readonly #runDir: RunDir;
  readonly #options: DaemonRuntimeOptions;
  #lease: RunDirLease | undefined;
  #control: ControlServer | undefined;
  #watch: NodeJS.Timeout | undefined;
  #isLost = false;
  #isUnlisted = false;
  #isRestoring = false;

  /** Nothing is taken yet. @throws {VhostError} ERR_SUPERVISOR_OPTION. */
  constructor(options: DaemonRuntimeOptions) {
    const { launch, supervision, calls } = options;
    this.#options = options;
    this.#runDir = resolveRunDir(options.runDir);
    this.listeners = new BoundListeners({
      graceMs: supervision.listenerGraceMs ?? SUPERVISION_DEFAULTS.listenerGraceMs,
      passedKeys: options.passedKeys,
      onExpired: ({ key }) => options.onListenerExpired(key),
    });
    this.slot = new MasterSlot({ launch, supervision, listeners: this.listeners, calls, guard: this.guard });
  }

  get runDir(): string {
    return this.#runDir.path;
  }

  /** Rejects with ERR_CALL_TIMEOUT, ERR_MESSAGE_INVALID. */
  status(): Promise<DaemonStatus> {
    return readDaemonStatus(this.slot, this.#startedAtMs, this.#options.stateDir);
  }

  /**
   * Takes the run directory and opens the control socket, or leaves all as it was. `predecessor` makes room.
   * @throws {VhostError} as {@link RunDirLease.acquire}; ERR_CONTROL_PATH, ERR_CONTROL_IN_USE, ERR_CONTROL_LISTEN.
   */
  async acquire(predecessor?: ProcessIdentity): Promise<void> {
    const lease = await RunDirLease.acquire(this.#runDir, predecessor);
    try {
      await this.#openControl();
    } catch (error) {
      lease.release();
      throw error;
    }
    this.#lease = lease;
    this.#remember();
    this.#beginWatch();
  }

  /**
   * Makes the run directory free for another daemon. Requests that run over the control socket are answered still, until
   * {@link close}. The PID file goes on to name this process until the other one writes its own: who finds that living,
   * and no socket, knows that a daemon is about to answer.
   */
  async yieldRunDir(): Promise<void> {
    clearInterval(this.#watch);
    await this.#control?.conceal();
    void this.#control?.close({ graceMs: ANSWER_LIMIT_MS });
  }

  /**
   * Undoes {@link yieldRunDir}. Rejects when another daemon was faster, or the disk is full: it is tried again and again
   * then.
   */
  async takeBackRunDir(): Promise<void> {
    this.#control = undefined;
    this.#beginWatch();
    this.#isRestoring = true;
    try {
      await this.#putBack();
    } finally {
      this.#isRestoring = false;
    }
  }

  /** Removes the PID file, answers and closes the control socket; the last of it. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    this.#lease?.release();
    forgetRunDir(this.runDir);
    await this.#control?.close();
  }

  #remember(): void {
    try {
      rememberRunDir(this.runDir);
      this.#isUnlisted = false;
    } catch (error) {
      if (!this.#isUnlisted && !isOfService(this.runDir)) this.#options.onUnlisted(error);
      this.#isUnlisted = true;
    }
  }

  async #openControl(): Promise<void> {
    const control = new ControlServer(this.#options.control);
    await control.listen(this.#runDir.controlSocket);
    this.#control = control;
  }

  #beginWatch(): void {
    this.#watch = setInterval(() => void this.#restore(), WATCH_MS).unref();
  }

  async #restore(): Promise<void> {
    if (this.#isRestoring) return;
    this.#isRestoring = true;
    try {
      await this.#putBack();
      this.#isLost = false;
      this.#remember();
    } catch (error) {
      if (this.#isLost) return;
      this.#isLost = true;
      this.#options.onLost(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#isRestoring = false;
    }
  }

  /** What is missing of PID file and control socket. A socket takes no room on a disk where the file finds none. */
  async #putBack(): Promise<void> {
    let failure: unknown;
    try {
      if ((await this.#lease?.restore()) === true) this.#options.onRestored(this.#runDir.pidFile);
    } catch (error) {
      // The socket is that of whoever has the directory.
      if (error instanceof VhostError && error.code === 'ERR_LOCK_LOST') throw error;
      failure = error;
    }
    if (this.#control === undefined) await this.#openControl();
    else if (await this.#control.restore()) this.#options.onRestored(this.#runDir.controlSocket);
    if (failure !== undefined) throw failure;
  }
}

/** How long what runs over the control socket may take until it is answered, ms: twice what an order may take. */
const ANSWER_LIMIT_MS = 7_200_000;
/** How often to look whether PID file and control socket are still there, ms. */
const WATCH_MS = 2_000;

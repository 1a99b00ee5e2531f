// The place of the one master: keeps a process in it, gives each its listeners, hears its notices and calls.
import { fromWireError, VhostError } from '@vhostd/protocol';
import type { DaemonToMaster, LaunchInfo, MasterToDaemon } from '@vhostd/protocol';
import { decoding, masterToDaemon } from '@vhostd/protocol/schemas';
import { SupervisedChild } from '@vhostd/supervisor';
import type { ChildReason } from '@vhostd/supervisor';
import { parseCall } from '@vhostd/transport';
import type { Peer } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import type { LoadFailure, SupervisionOptions } from '../daemon-options.js';
import { EXIT_CODES } from '../exit-codes.js';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import { answerListenerRequests } from '../listeners/listener-requests.js';
import { receiveListeners, sendListeners } from '../listeners/listener-transfer.js';
import { SUPERVISION_DEFAULTS } from '../supervision-defaults.js';
import type { Guard } from './guard.js';
import { adoptMaster } from './adopted-master.js';
import type { Adoption } from './adopted-master.js';
import type { DaemonCalls } from './daemon-calls.js';
import { forkMaster } from './forked-master.js';
import type { MasterControl } from './master-control.js';
import { MasterProcess } from './master-process.js';
import type { MasterLaunch, MasterWatcher } from './master-process.js';
import { MasterWorkers } from './master-workers.js';
import { OrphanedWorkers } from './orphaned-workers.js';
import { ServedState } from './served-state.js';

/** What a slot tells. */
export interface MasterSlotEvents {
  spawned: (pid: number) => void;
  /** Instead of 'spawned', for a master that lived before its daemon did. */
  adopted: (pid: number) => void;
  ready: (pid: number) => void;
  /** It answers, as it does at each beat of the heartbeat. */
  answered: () => void;
  exit: (reason: ChildReason) => void;
  /** Every site is published but these. */
  loaded: (failures: LoadFailure[]) => void;
  /** No other master follows: the restart policy gave up, or the master itself. */
  'given-up': (error: Error, exitCode: number) => void;
  /** Something is wrong that supervision deals with or can't change. */
  trouble: (event: string, detail: unknown) => void;
}

/** What a slot works with. */
export interface MasterSlotOptions {
  readonly launch: MasterLaunch;
  readonly supervision: SupervisionOptions;
  readonly listeners: BoundListeners;
  /** Answers what masters and workers call. */
  readonly calls: DaemonCalls;
  readonly guard: Guard;
}

/** Keeps a master alive until it is stopped or given up. */
export class MasterSlot extends EventEmitter<MasterSlotEvents> {
  readonly #launch: MasterLaunch;
  readonly #stopNowTimeoutMs: number;
  readonly #listeners: BoundListeners;
  readonly #calls: DaemonCalls;
  readonly #guard: Guard;
  readonly #child: SupervisedChild;
  readonly #orphanedWorkers: OrphanedWorkers;
  readonly #servedState = new ServedState();
  #process: MasterProcess | undefined;
  #workers: MasterWorkers | undefined;
  #spawnCount = 0;
  /** The master that is taken instead of a new one, at the next start. */
  #adoption: Adoption | undefined;
  #adoptedPid: number | undefined;
  /** Of the time before the adoption. */
  #former = { uptimeMs: 0, restarts: 0 };
  /** How masters start another daemon; undefined while they are not to. */
  #respawn: LaunchInfo | undefined;
  #held = false;
  #fatal: { error: Error; exitCode: number } | undefined;

  /** @throws {VhostError} ERR_SUPERVISOR_OPTION. */
  constructor({ launch, supervision, listeners, calls, guard }: MasterSlotOptions) {
    super();
    this.#launch = launch;
    this.#listeners = listeners;
    this.#calls = calls;
    this.#guard = guard;
    this.#stopNowTimeoutMs = supervision.stopNowTimeoutMs ?? SUPERVISION_DEFAULTS.stopNowTimeoutMs;
    this.#orphanedWorkers = new OrphanedWorkers((pid, error) =>
      this.emit('trouble', 'worker::outlived-master', error ?? `process ${pid} was killed`),
    );
    this.#child = new SupervisedChild({
      name: 'master',
      spawn: () => this.#spawn().handle(),
      restart: { ...SUPERVISION_DEFAULTS.restart, ...supervision.restart },
      backoff: { ...SUPERVISION_DEFAULTS.backoff, ...supervision.backoff },
      bootTimeoutMs: launch.bootTimeoutMs,
      shutdown: { softMs: launch.stopTimeoutMs, termMs: this.#stopNowTimeoutMs },
    });
    this.#child.on('spawned', (pid) => this.emit(pid === this.#adoptedPid ? 'adopted' : 'spawned', pid));
    this.#child.on('exit', (reason) => this.#exited(reason));
    this.#child.on('spawn-failed', ({ message }) => this.emit('trouble', 'master::spawn-failed', message));
    this.#child.on('errored', (reason) =>
      this.emit('given-up', erroredError(reason), EXIT_CODES.masterErrored),
    );
    this.#child.on('fault', (error) => this.emit('trouble', 'master::fault', error));
    this.#child.on('stuck', (pid) => this.emit('trouble', 'master::stuck', pid));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get uptimeMs(): number {
    return this.#child.uptimeMs + (this.pid === this.#adoptedPid ? this.#former.uptimeMs : 0);
  }

  get restartCount(): number {
    return this.#child.restartCount + this.#former.restarts;
  }

  /** The living master. @throws {VhostError} ERR_MASTER_NOT_RUNNING. */
  get peer(): Peer<DaemonToMaster, MasterToDaemon> {
    return this.#living.peer;
  }

  /** The control API of the living master. @throws {VhostError} ERR_MASTER_NOT_RUNNING. */
  get control(): MasterControl {
    return this.#living.control;
  }

  get #living(): MasterProcess {
    if (this.#process !== undefined) return this.#process;
    const why = this.#child.reason === undefined ? '' : `; the last one ${this.#child.reason.message}`;
    throw new VhostError('ERR_MASTER_NOT_RUNNING', `no master is running right now${why}`);
  }

  start(): void {
    this.#child.start();
  }

  /** Takes a living master instead of starting one. */
  adopt(adoption: Adoption, former: { uptimeMs: number; restarts: number }): void {
    this.#adoption = adoption;
    this.#adoptedPid = adoption.identity.pid;
    this.#former = former;
    this.#child.start();
  }

  /** Lets masters start another daemon when this one dies: it holds the run directory now. */
  allowRespawn(launch: LaunchInfo): void {
    this.#respawn = launch;
    this.#process?.peer.notify('allowRespawn', this.#launchInfo(launch));
  }

  /** Lets the master open its listeners without accepting on them. To be called before {@link start}. */
  hold(): void {
    this.#held = true;
  }

  /** Resolves once the master accepts. Rejects as requests do, and as {@link peer}. */
  async accept(): Promise<void> {
    this.#held = false;
    await this.peer.request('accept', null);
  }

  /**
   * Lets the master close its listeners, which others have, and leave when all that it accepted is served. Resolves
   * when it is gone.
   */
  async yield(): Promise<void> {
    if (this.#process !== undefined) this.#process.stopMode = 'yield';
    await this.stop({ now: false });
  }

  /** This process ends in order: its master is not to start another daemon. */
  forbidRespawn(): void {
    this.#process?.peer.notify('forbidRespawn', null);
  }

  /**
   * Lets the master drain and leave; `now`: leave without draining, and be killed if it doesn't. May be called
   * again to be done sooner: asked for `now` twice it is killed. Resolves when it is gone, and the workers with it.
   */
  async stop({ now }: { now: boolean }): Promise<void> {
    await this.#stopMaster(now);
    await this.#orphanedWorkers.end(now);
  }

  async #stopMaster(now: boolean): Promise<void> {
    const master = this.#process;
    if (!now || master === undefined || master.stopMode === 'now') {
      await this.#child.stop({ now: now && master !== undefined });
      return;
    }
    master.stopMode = 'now';
    const askedBefore = this.#child.state === 'stopping';
    const stopped = this.#child.stop();
    if (askedBefore) master.requestStop();
    const kill = setTimeout(() => void this.#child.stop({ now: true }), this.#stopNowTimeoutMs);
    await stopped;
    clearTimeout(kill);
  }

  #spawn(): MasterProcess {
    const claimant = `master ${(this.#spawnCount += 1)}`;
    const adoption = this.#adoption;
    this.#adoption = undefined;
    const watcher: MasterWatcher = {
      onAlive: () => {
        if (this.#process !== process || this.#child.markReady() !== 'ok') return;
        if (process.pid !== undefined) this.emit('ready', process.pid);
      },
      onAnswer: () => {
        if (this.#process === process) this.emit('answered');
      },
      onBroken: (why) => {
        if (this.#process !== process) return;
        this.emit('trouble', 'master::broken', why);
        this.#child.fail(why, { now: true });
      },
      onLinkEnd: () => this.#listeners.drop(claimant),
    };
    const process: MasterProcess = new MasterProcess(this.#launch, watcher, (onViolation) =>
      adoption === undefined
        ? forkMaster(this.#launch, onViolation, this.#guard.stand())
        : adoptMaster(adoption),
    );
    this.#process = process;
    this.#workers = new MasterWorkers(process.peer, () => process.pid);
    answerListenerRequests(process.peer, this.#listeners, claimant);
    this.#servedState.serve(process.peer);
    this.#answerNotices(process);
    if (adoption !== undefined) receiveListeners(process.peer, this.#listeners, claimant);
    process.begin();
    this.#provide(process, adoption !== undefined);
    return process;
  }

  /**
   * At once gives a master all that it needs if this process is no more when it has booted. What makes it start another
   * daemon comes last: one that has not got the sockets leaves, and the guard starts a daemon.
   */
  #provide({ peer }: MasterProcess, adopted: boolean): void {
    if (!adopted) sendListeners(peer, this.#listeners);
    if (this.#held) peer.notify('hold', null);
    if (this.#respawn !== undefined) peer.notify('allowRespawn', this.#launchInfo(this.#respawn));
  }

  #launchInfo(launch: LaunchInfo): LaunchInfo & { restarts: number } {
    return { ...launch, restarts: this.restartCount };
  }

  #answerNotices({ peer }: MasterProcess): void {
    const loaded = decoding(masterToDaemon, 'loaded', ({ failures }) => {
      this.emit(
        'loaded',
        failures.map(({ siteId, error }) => ({ siteId, error: fromWireError(error) })),
      );
      return null;
    });
    const fatal = decoding(masterToDaemon, 'fatal', ({ error, exitCode }) => {
      this.#fatal = { error: fromWireError(error), exitCode: validExitCode(exitCode) };
      // It leaves by itself; who waits for its end is told then.
      void this.stop({ now: true });
      return null;
    });
    peer.handle('loaded', loaded);
    peer.handle('fatal', fatal);
    peer.handle('call', (params, { handle }) => {
      try {
        return this.#calls.dispatch(parseCall(params), handle);
      } catch (error) {
        handle?.close();
        throw error;
      }
    });
  }

  #exited(reason: ChildReason): void {
    this.#process = undefined;
    this.#orphanedWorkers.add(this.#workers?.list() ?? []);
    this.#workers = undefined;
    this.emit('exit', reason);
    const fatal = this.#fatal;
    this.#fatal = undefined;
    if (fatal !== undefined) this.emit('given-up', fatal.error, fatal.exitCode);
  }
}

/** What a master asks the daemon to exit with; anything but 1 to 255 (exit(3)) is a plain failure. */
function validExitCode(code: number): number {
  return code >= 1 && code <= 255 ? code : EXIT_CODES.failed;
}

function erroredError(reason: ChildReason): VhostError {
  return new VhostError('ERR_MASTER_ERRORED', `the master was given up: it ${reason.message}`, {
    info: { code: reason.code, signal: reason.signal },
    cause: reason.error,
  });
}

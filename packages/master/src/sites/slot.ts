// One slot of a generation: keeps one worker process alive and knows whether it may be given connections.
import type { Taker } from './dispatch.js';
import { Heartbeat, SupervisedChild, fromChildProcess } from '@vhostd/supervisor';
import type { ChildReason } from '@vhostd/supervisor';
import type { RequestContext, WireError, WorkerState, WorkerStatus, WorkerToMaster } from '@vhostd/protocol';
import type { Connection } from '../accept/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { WorkerFiles } from './worker-files.js';
import type { WorkerEvents, WorkerProcess } from './worker-process.js';

/** What a slot needs and tells. */
export interface SlotHost {
  readonly conf: SiteConf;
  readonly generation: number;
  /** What the workers of the generation run. */
  readonly files: WorkerFiles;
  /** Forks a process for a slot. */
  fork(slot: Slot, events: WorkerEvents): WorkerProcess;
  onReady(slot: Slot): void;
  /** The process ended, or could not be started. Called before the slot may start another. */
  onExit(slot: Slot, reason: ChildReason): void;
  onErrored(slot: Slot, reason: ChildReason): void;
  /** At rest: stopped on purpose. */
  onStopped(slot: Slot): void;
  onUpdate(slot: Slot, params: unknown): Promise<WorkerToMaster['updateServerConf']['result']>;
  onCall(slot: Slot, params: unknown, context: RequestContext): Promise<unknown>;
  onAccepted(count: number): void;
  /** These must be given to another worker. */
  onReturned(connections: Connection[], why: 'gone' | 'lost'): void;
  /** Whether the site has a use for a connection that the worker of a slot hands back. */
  wantsHandedBack(): boolean;
  onHandedBack(connection: Connection): void;
  onViolation(slot: Slot, detail: string): void;
}

export class Slot implements Taker {
  /** Stable within the generation. */
  readonly slot: number;
  readonly #host: SlotHost;
  readonly #child: SupervisedChild;
  #worker: WorkerProcess | undefined;
  #heartbeat: Heartbeat | undefined;
  #failure: WireError | undefined;
  #withdrawn = false;
  #handsBack = false;

  constructor(slot: number, host: SlotHost) {
    this.slot = slot;
    this.#host = host;
    const { conf } = host;
    this.#child = new SupervisedChild({
      name: `${conf.siteId}/${slot}`,
      spawn: () => this.#spawn(),
      restart: { mode: 'permanent', intensity: conf.restart.intensity, periodMs: conf.restart.periodMs },
      backoff: { baseMs: conf.restart.backoffMinMs, capMs: conf.restart.backoffMaxMs },
      bootTimeoutMs: conf.bootTimeoutMs,
      shutdown: { softMs: softLimitMs(conf), termMs: conf.stopTimeoutMs },
    });
    this.#child.on('exit', (reason) => this.#onExit(reason));
    this.#child.on('spawn-failed', (reason) => this.#onExit(reason));
    this.#child.on('errored', (reason) => host.onErrored(this, reason));
    this.#child.on('state', ({ from, to }) => {
      if (from !== to && to === 'exited') host.onStopped(this);
    });
  }

  get id(): string {
    return this.workerId;
  }

  /** The id of the present process, or of the last one. */
  get workerId(): string {
    return this.#worker?.identity.workerId ?? `${this.#host.conf.siteId}/${this.slot}`;
  }

  get conf(): SiteConf {
    return this.#host.conf;
  }

  get generation(): number {
    return this.#host.generation;
  }

  get files(): WorkerFiles {
    return this.#host.files;
  }

  get worker(): WorkerProcess | undefined {
    return this.#worker;
  }

  /** Whether it may be given a connection. */
  get available(): boolean {
    return !this.#withdrawn && this.#child.state === 'ready' && this.#worker?.takesConnections === true;
  }

  get ready(): boolean {
    return this.#child.state === 'ready';
  }

  get booting(): boolean {
    return this.#child.state === 'booting';
  }

  /** Whether it may have connections: it is ready, or was and leaves. */
  get up(): boolean {
    return ['ready', 'stopping'].includes(this.#child.state);
  }

  /** What the worker itself said of its failed boot. */
  get failure(): WireError | undefined {
    return this.#failure;
  }

  get connectionCount(): number {
    return this.#child.pid === undefined ? 0 : (this.#worker?.connectionCount ?? 0);
  }

  /** Has no process and gets none. */
  get resting(): boolean {
    return ['idle', 'exited', 'errored'].includes(this.#child.state);
  }

  /** Whether it has been told to end. */
  get leaving(): boolean {
    return this.#withdrawn;
  }

  get errored(): boolean {
    return this.#child.state === 'errored';
  }

  start(): void {
    this.#child.start();
  }

  /** Gives no more connections to it, lets it finish what it has, ends it. Resolves when it is gone. */
  async stop(now = false): Promise<void> {
    this.#withdrawn = true;
    await this.#child.stop({ now });
  }

  /** {@link stop} for one whose site goes on: it hands its idle connections back. */
  async retire(): Promise<void> {
    this.#handsBack = true;
    await this.stop();
  }

  /** Kills the process, which is broken; the restart policy decides what follows, unless it was leaving anyway. */
  kill(why: string): void {
    this.#child.fail(why, { now: true });
  }

  give(connection: Connection): boolean {
    return this.available && this.#worker?.give(connection) === true;
  }

  status(): WorkerStatus {
    const pid = this.#child.pid;
    const reason = this.#failure?.message ?? this.#child.reason?.message;
    return {
      workerId: this.workerId,
      ...(pid === undefined ? {} : { pid }),
      slot: this.slot,
      generation: this.#host.generation,
      state: this.#state(),
      connections: this.connectionCount,
      restarts: this.#child.restartCount,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  #state(): WorkerState {
    const { state } = this.#child;
    if (state === 'idle') return 'exited';
    if (state === 'killing') return 'stopping';
    return state === 'stopping' && this.#withdrawn ? 'draining' : state;
  }

  #spawn(): ReturnType<typeof fromChildProcess> {
    this.#failure = undefined;
    const host = this.#host;
    let stoppedForViolation = false;
    const worker: WorkerProcess = host.fork(this, {
      onReady: () => {
        if (this.#worker !== worker || this.#child.markReady() !== 'ok') return;
        this.#watchHeart(worker);
        host.onReady(this);
      },
      onFailed: (error) => {
        this.#failure = error;
      },
      onUpdate: (params) => host.onUpdate(this, params),
      onCall: (params, context) => host.onCall(this, params, context),
      onAccepted: (count) => host.onAccepted(count),
      onLost: (connections) => host.onReturned(connections, 'lost'),
      wantsHandedBack: () => host.wantsHandedBack(),
      onHandedBack: (connection) => host.onHandedBack(connection),
      onViolation: (detail) => {
        if (stoppedForViolation) return;
        stoppedForViolation = true;
        host.onViolation(this, detail);
        if (this.#worker === worker) this.kill(`it broke the protocol: ${detail}`);
      },
      onLinkLost: () => {
        if (this.#worker === worker) this.#child.fail('its link to the master has ended');
      },
      onGone: (unconfirmed) => {
        if (unconfirmed.length > 0) host.onReturned(unconfirmed, 'gone');
      },
    });
    this.#worker = worker;
    return fromChildProcess(worker.process, {
      softStop: () => worker.drain(host.conf.drainTimeoutMs, this.#handsBack),
    });
  }

  #watchHeart(worker: WorkerProcess): void {
    this.#heartbeat?.stop();
    const { heartbeatIntervalMs, heartbeatLimitMs } = this.#host.conf;
    const heartbeat = new Heartbeat({
      intervalMs: Math.min(heartbeatIntervalMs, Math.floor(heartbeatLimitMs / 2)),
      limitMs: heartbeatLimitMs,
      sendPing: () => {
        worker.peer.request('ping', null, { timeoutMs: heartbeatLimitMs }).then(
          () => heartbeat.pong(),
          () => undefined,
        );
      },
      onLost: (silentMs) => {
        if (this.#worker === worker) this.kill(`no answer for ${Math.round(silentMs)} ms`);
      },
    });
    this.#heartbeat = heartbeat;
  }

  #onExit(reason: ChildReason): void {
    this.#heartbeat?.stop();
    this.#host.onExit(this, reason);
  }
}

/** How long a worker that is to leave may take before it is killed, ms; as much where its master is gone. */
export function leaveLimitMs(conf: SiteConf): number {
  return softLimitMs(conf) + conf.stopTimeoutMs;
}

function softLimitMs(conf: SiteConf): number {
  return conf.drainTimeoutMs + SOFT_MARGIN_MS;
}

/** What a worker gets on top of its drain limit to run `stopped`, ms. */
const SOFT_MARGIN_MS = 2000;

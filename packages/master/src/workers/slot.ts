// One slot of a generation: keeps one worker process alive and knows whether it may be given connections.
import type { Taker } from '../dispatch/dispatch.js';
import { fromChildProcess, SupervisedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildReason, PeerWatch } from '@vhostd/supervisor';
import type { Vitals, WireError, WorkerState, WorkerStatus } from '@vhostd/protocol';
import type { Connection } from '../ingress/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import { softLimitMs } from './leave-limits.js';
import type { Asked, SlotHost } from './slot-host.js';
import { Tenure } from './tenure.js';
import { parseVitals } from './vitals.js';
import type { WorkerFiles } from './worker-files.js';
import type { WorkerEvents, WorkerProcess } from './worker-process.js';

export class Slot implements Taker {
  /** Stable within the generation. */
  readonly slot: number;
  readonly #host: SlotHost;
  readonly #child: SupervisedChild;
  #worker: WorkerProcess | undefined;
  #heartbeat: PeerWatch | undefined;
  #tenure = new Tenure();
  #asked: Asked | undefined;
  #handsBack = false;
  #replacementCount = 0;
  #restartsBefore = 0;

  constructor(slot: number, host: SlotHost) {
    this.slot = slot;
    this.#host = host;
    const { conf } = host;
    this.#child = new SupervisedChild({
      name: `${conf.siteId}/${slot}`,
      spawn: () => this.#spawn(),
      restart: { intensity: conf.restart.intensity, periodMs: conf.restart.periodMs },
      backoff: { baseMs: conf.restart.backoffMinMs, capMs: conf.restart.backoffMaxMs },
      bootTimeoutMs: conf.bootTimeoutMs,
      whyNotReady: () => this.#tenure.whyNotReady(conf.appPort),
      shutdown: { softMs: softLimitMs(conf), termMs: conf.stopTimeoutMs },
    });
    this.#child.on('exit', (reason) => this.#onExit(reason));
    this.#child.on('spawn-failed', (reason) => this.#onExit(reason));
    this.#child.on('errored', (reason) => host.onErrored(this, reason));
    this.#child.on('state', ({ from, event, to }) => {
      if (event === 'term-limit') this.#tenure.overdue = this.leaving;
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
    return !this.leaving && this.#child.state === 'ready' && this.#worker?.takesConnections === true;
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
    return this.#tenure.failure;
  }

  /** What the present process last told of itself. */
  get vitals(): Vitals | undefined {
    return this.#tenure.vitals;
  }

  /** Why the present process wants to leave: it was sent SIGTERM, or its app closed its server. */
  get wantsToLeave(): string | undefined {
    return this.#tenure.wantsToLeave;
  }

  /** Since the present process was spawned, ms; 0 without one. */
  get ageMs(): number {
    return this.#child.uptimeMs;
  }

  /** What the status says of the present process. It goes with the process. */
  set remark(text: string | undefined) {
    this.#tenure.remark = text;
  }

  /** Takes over what is counted of a slot whose place this one takes, and why it does. */
  succeed(old: Slot, why: string): void {
    this.#replacementCount = old.#replacementCount + 1;
    this.#restartsBefore = old.#restarts;
    this.#tenure.remark = replaced(old.workerId, why);
    this.#host.log.replaced(old, this, why);
  }

  /** Serves on: the one that was to take its place for this reason did not come up. */
  outlive(successor: Slot, reason: string, message: string): void {
    this.#tenure.remark = `${reason}; its replacement failed: ${message}`;
    this.#host.log.replacementFailed(this, successor, { reason, message });
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
    return this.#asked !== undefined;
  }

  /** How it has been told to end. */
  get asked(): Asked | undefined {
    return this.#asked;
  }

  get errored(): boolean {
    return this.#child.state === 'errored';
  }

  start(): void {
    this.#child.start();
  }

  /** Gives no more connections to it, lets it finish what it has, ends it. Resolves when it is gone. */
  async stop(now = false): Promise<void> {
    if (this.#asked !== 'at once') this.#asked = now ? 'at once' : 'in time';
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
    const past = pid === undefined ? this.#child.reason?.message : this.#tenure.predecessor;
    const reason = this.#tenure.failure?.message ?? this.#tenure.remark ?? past;
    const { alsoListens } = this.#tenure;
    return {
      workerId: this.workerId,
      ...(pid === undefined ? {} : { pid }),
      slot: this.slot,
      generation: this.#host.generation,
      state: this.#state(),
      connections: this.connectionCount,
      restarts: this.#restarts,
      replacements: this.#replacementCount,
      ...(reason === undefined ? {} : { reason }),
      ...(alsoListens.length === 0 || pid === undefined ? {} : { alsoListens }),
    };
  }

  get #restarts(): number {
    return this.#restartsBefore + this.#child.restartCount;
  }

  #state(): WorkerState {
    const { state } = this.#child;
    if (state === 'idle') return 'exited';
    if (state === 'killing') return 'stopping';
    return state === 'stopping' && this.leaving ? 'draining' : state;
  }

  #spawn(): ReturnType<typeof fromChildProcess> {
    const tenure = new Tenure(this.#story());
    this.#tenure = tenure;
    const host = this.#host;
    const { conf } = host;
    let stoppedForViolation = false;
    const events: WorkerEvents = {
      onStarting: () => {
        tenure.starting = true;
      },
      onListens: (server) => {
        if (this.#worker !== worker || !tenure.addOther(server)) return;
        host.log.alsoListens(this, server, conf.appPort);
      },
      onReady: () => {
        if (this.#worker !== worker || this.#child.markReady() !== 'ok') return;
        this.#watchHeart(worker, events);
        host.log.ready(this);
        host.onReady(this);
      },
      onFailed: (error) => {
        tenure.failure = error;
      },
      onWaits: () => {
        tenure.waits = true;
      },
      onLeaving: (why) => {
        if (this.#worker !== worker || this.leaving) return;
        tenure.wantsToLeave ??= why;
        host.onVitals(this);
      },
      onUpdate: (params) => host.onUpdate(this, params),
      onWait: (params, gone) => host.onWait(params, gone),
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
    };
    const worker: WorkerProcess = host.fork(this, events);
    this.#worker = worker;
    return fromChildProcess(worker.process, {
      softStop: () => worker.drain(host.conf.drainTimeoutMs, this.#handsBack),
    });
  }

  #watchHeart(worker: WorkerProcess, events: WorkerEvents): void {
    this.#heartbeat?.stop();
    const { heartbeatIntervalMs, heartbeatLimitMs } = this.#host.conf;
    this.#heartbeat = watchPeer(worker.peer, {
      intervalMs: heartbeatIntervalMs,
      limitMs: heartbeatLimitMs,
      onAnswer: (answer) => {
        const vitals = parseVitals(answer);
        if (vitals === undefined) return events.onViolation('an answer to a ping that tells nothing of it');
        if (this.#worker !== worker || this.leaving) return;
        this.#tenure.vitals = vitals;
        this.#host.onVitals(this);
      },
      onLost: (why) => {
        if (this.#worker === worker) this.kill(why);
      },
    });
  }

  /** What became of the last process, in words that name it. */
  #story(): string | undefined {
    const { reason } = this.#child;
    if (reason === undefined) return undefined;
    if (reason.what === 'spawn-failed') return `another one before it ${reason.message}`;
    return replaced(this.workerId, this.#tenure.failure?.message ?? reason.message);
  }

  #onExit(reason: ChildReason): void {
    this.#heartbeat?.stop();
    this.#tenure.remark = undefined;
    this.#host.log.ended(this, reason, { overdue: this.#tenure.overdue });
    this.#host.onExit(this, reason);
  }
}

/** The words for a process that has taken the place of another. */
function replaced(workerId: string, why: string): string {
  return `replaced ${workerId}: ${why}`;
}

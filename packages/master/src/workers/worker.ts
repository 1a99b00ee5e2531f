// One worker of a generation: keeps a process alive in its slot, knows whether that may be given connections, and asks
// it at intervals how it is.
import { WORKER_REFUSALS } from '@vhostd/protocol';
import type { OtherServer, WireError, WorkerState, WorkerStats, WorkerStatus } from '@vhostd/protocol';
import { SupervisedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildHandle, ChildReason, PeerWatch } from '@vhostd/supervisor';
import { EventEmitter } from 'eventemitter3';
import { withSince } from './told-certificates.js';
import type { ToldCertificate } from './told-certificates.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { CandidateWorker } from '../dispatch/dispatch.js';
import type { MasterEvents, WorkerFields } from '../events.js';
import type { Connection } from '../ingress/connection.js';
import type { ToldQuiet } from './quiet.js';
import type { WorkerFiles } from './worker-files.js';
import { leaveLimitMs, softLimitMs, STOPPED_HOOK_MS, stopSignalOf } from './worker-limits.js';
import type { SpawnedWorker } from './spawned-worker.js';
import { replaced, WorkerEnd } from './worker-end.js';
import { WorkerRun } from './worker-run.js';
import type { Spawner, WorkerSite } from './worker-spawner.js';
import { parseWorkerStats } from './worker-stats.js';

/** What a worker tells the set that it is in. */
export interface WorkerEvents {
  /** There is a process; what it asks for is still to be answered. */
  spawned: [process: SpawnedWorker];
  ready: [];
  /** The process ended, or could not be started. */
  exit: [failure: WireError, slow: boolean];
  /** It is not started again. */
  errored: [failure: WireError];
  /** Stopped on purpose, it has no process and gets none. */
  rested: [];
  /** How many connections it has may have changed. */
  connections: [];
  /** It has left a connection unconfirmed for a while. */
  late: [];
  /** It has told how it is: with an answer to a ping, or because it is to leave. */
  stats: [];
}

/** Where a worker stands. */
export interface WorkerPlace {
  readonly site: WorkerSite;
  readonly conf: SiteConf;
  /** Stable within the generation. */
  readonly slot: number;
  readonly generation: number;
  /** What the workers of the generation run. */
  readonly files: WorkerFiles;
}

export class Worker extends EventEmitter<WorkerEvents> implements CandidateWorker {
  readonly place: WorkerPlace;
  readonly #spawner: Spawner;
  readonly #events: MasterEvents;
  readonly #child: SupervisedChild;
  /** The present process, or the last one. */
  #process: SpawnedWorker | undefined;
  #run = new WorkerRun();
  #watch: PeerWatch | undefined;
  /** How it was told to end: within its limits, or by SIGKILL. */
  #asked: 'in time' | 'at once' | undefined;
  /** It waits for its turn to boot. */
  #queued = false;
  #handsBack = false;
  /** Its present process is stopped where it stands. */
  #frozen = false;
  /** The process before this one was a spare that was dead before it began. */
  #secondTry = false;
  #replacementCount = 0;
  #restartsBefore = 0;

  constructor(place: WorkerPlace, spawner: Spawner, events: MasterEvents) {
    super();
    this.place = place;
    this.#spawner = spawner;
    this.#events = events;
    const { conf, slot } = place;
    this.#child = new SupervisedChild({
      name: `${conf.siteId}/${slot}`,
      spawn: () => this.#spawn(),
      restart: {
        type: conf.autorestart ? 'permanent' : 'temporary',
        intensity: conf.restart.intensity,
        periodMs: conf.restart.periodMs,
      },
      backoff: { baseMs: conf.restart.backoffMinMs, capMs: conf.restart.backoffMaxMs },
      bootTimeoutMs: conf.bootTimeoutMs,
      whyNotReady: () => this.#run.whyNotReady(conf),
      excuses: (reason) => this.#excuses(reason),
      shutdown: { softMs: softLimitMs(conf), unreadyMs: STOPPED_HOOK_MS, termMs: conf.stopTimeoutMs },
    });
    this.#child.on('exit', (reason) => this.#onExit(reason));
    this.#child.on('spawn-failed', (reason) => this.#onExit(reason));
    this.#child.on('errored', (reason) => this.emit('errored', this.#endBy(reason).failure));
    this.#child.on('state', ({ from, event, to }) => {
      if (from === 'booting' && to !== 'booting') this.#spawner.boots.leave(this);
      if (event === 'term-limit') this.#run.overdue = this.leaving;
      if (from !== to && to === 'exited') this.emit('rested');
    });
  }

  get slot(): number {
    return this.place.slot;
  }

  get conf(): SiteConf {
    return this.place.conf;
  }

  /** The id of the present process, or of the last one. */
  get id(): string {
    return this.#process?.identity.workerId ?? `${this.conf.siteId}/${this.slot}`;
  }

  /** The present process, or the last one. */
  get process(): SpawnedWorker | undefined {
    return this.#process;
  }

  /** Whether it may be given a connection. This is the one place that says so. */
  get takesConnections(): boolean {
    return !this.leaving && !this.#frozen && this.ready && this.#process?.takesConnections === true;
  }

  get full(): boolean {
    return this.#process?.full === true;
  }

  get late(): boolean {
    return this.#process?.late === true;
  }

  get ahead(): boolean {
    return this.#process?.ahead === true;
  }

  get idle(): boolean {
    return this.#process?.idle === true;
  }

  get ready(): boolean {
    return this.#child.state === 'ready';
  }

  get booting(): boolean {
    return this.#queued || this.#child.state === 'booting';
  }

  /** Given up: it is not started again. */
  get errored(): boolean {
    return this.#child.state === 'errored';
  }

  /** It was a job, and has ended with exit code 0. */
  get finished(): boolean {
    return this.#child.state === 'exited' && !this.leaving;
  }

  /** Whether it may have connections: it is ready, or was and leaves. */
  get up(): boolean {
    return ['ready', 'stopping'].includes(this.#child.state);
  }

  /** Has no process and gets none. */
  get resting(): boolean {
    return !this.#queued && ['idle', 'exited', 'errored'].includes(this.#child.state);
  }

  /** Whether it has been told to end. */
  get leaving(): boolean {
    return this.#asked !== undefined;
  }

  get connectionCount(): number {
    return this.#child.pid === undefined ? 0 : (this.#process?.connectionCount ?? 0);
  }

  /** Connections that it was given lately and has not confirmed: they come back if it dies. */
  get awaitedCount(): number {
    return this.#process?.awaitedCount ?? 0;
  }

  /** The last report of the present process. */
  get stats(): WorkerStats | undefined {
    return this.#run.stats;
  }

  /** What the present process serves; nothing without one. */
  get certificates(): readonly ToldCertificate[] {
    return this.#child.pid === undefined ? [] : this.#run.certificates;
  }

  /** Why the present process wants to leave: it was sent SIGTERM, or its app closed its server. */
  get wantsToLeave(): string | undefined {
    return this.#run.wantsToLeave;
  }

  /** Since the present process was spawned, ms; 0 without one. */
  get ageMs(): number {
    return this.#child.uptimeMs;
  }

  /** What the status says of the present process. It goes with the process. */
  set remark(text: string | undefined) {
    this.#run.remark = text;
  }

  start(): void {
    this.#queued = true;
    this.#spawner.boots.enter(this, () => void this.#begin());
  }

  /** Gives no more connections to it, lets it finish what it has, ends it. Resolves when it is gone. */
  async stop(now = false): Promise<void> {
    if (this.#asked !== 'at once') this.#asked = now ? 'at once' : 'in time';
    this.thaw();
    if (this.#queued) {
      this.#queued = false;
      this.#spawner.boots.leave(this);
      this.emit('rested');
    }
    await this.#child.stop({ now });
  }

  /** {@link stop} for one whose site goes on: it hands its idle connections back. */
  async drain(): Promise<void> {
    this.#handsBack = true;
    await this.stop();
  }

  /** For how long it has had nothing to do; undefined: it does not say. */
  async quiet(): Promise<ToldQuiet | undefined> {
    return await this.#process?.quiet();
  }

  /** It hands back its idle connections, to be frozen; resolves with how many it has then, or undefined. */
  async standStill(): Promise<number | undefined> {
    return await this.#process?.standStill();
  }

  /** It is not frozen after all. */
  goOn(): void {
    this.#process?.goOn();
  }

  /** Stops its process where it stands, which nobody takes for a silence from then on. */
  freeze(): void {
    if (this.#frozen || !this.ready || this.leaving) return;
    this.#frozen = true;
    this.#watch?.stop();
    this.#run.rest();
    this.#process?.halt(true);
  }

  /** Lets it run again. */
  thaw(): void {
    const process = this.#process;
    if (!this.#frozen || process === undefined) return;
    this.#frozen = false;
    process.halt(false);
    process.goOn();
    if (this.ready) this.#beginWatch(process, this.#run);
  }

  give(connection: Connection): boolean {
    return this.#process?.give(connection) === true;
  }

  /** Sends a signal to its process. False without one. */
  signal(name: NodeJS.Signals): boolean {
    return this.#child.pid !== undefined && this.#process?.handle.kill(name) === true;
  }

  /** Gives the connections that it has not begun with to whoever takes them now. */
  retract(): void {
    this.#process?.retract();
  }

  /** Takes the place of another worker, and over what is counted of that. */
  replace(old: Worker, reason: string): void {
    this.#replacementCount = old.#replacementCount + 1;
    this.#restartsBefore = old.#restarts;
    this.#run.remark = replaced(old.id, reason);
    this.#events.emit('worker.replaced', { ...old.#fields(), by: this.id, reason });
  }

  /** Serves on: the one that was to take its place for this reason did not come up. */
  outlive(replacement: Worker, reason: string, message: string): void {
    this.#run.remark = `${reason}; its replacement failed: ${message}`;
    this.#events.emit('worker.replacement-failed', {
      ...this.#fields(),
      by: replacement.id,
      reason,
      message,
    });
  }

  status(): WorkerStatus {
    const { pid } = this.#child;
    const run = this.#run;
    const { reason: end } = this.#child;
    const past = pid === undefined ? end && this.#endBy(end).explained : run.predecessor;
    const reason = run.failure?.message ?? run.remark ?? past;
    return {
      workerId: this.id,
      ...(pid === undefined ? {} : { pid, uptimeMs: run.uptimeMs }),
      ...(pid === undefined ? {} : this.#shownStats(run)),
      slot: this.slot,
      generation: this.place.generation,
      state: this.#status(),
      connections: this.connectionCount,
      restarts: this.#restarts,
      replacements: this.#replacementCount,
      ...(reason === undefined ? {} : { reason }),
      ...(run.alsoListens.length === 0 || pid === undefined ? {} : { alsoListens: run.alsoListens }),
    };
  }

  /** What the status shows of it; nobody counts the requests of a program that is not Node's. */
  #shownStats({ stats, rate }: WorkerRun): Partial<WorkerStatus> {
    if (stats === undefined) return {};
    const { residentBytes, cpuMs, requestCount } = stats;
    const isCounted = this.conf.interpreter === undefined && this.conf.server;
    return {
      memoryBytes: residentBytes,
      cpuMs,
      ...(isCounted ? { requests: requestCount } : {}),
      ...(rate === undefined ? {} : { cpuShare: rate.cpu }),
      ...(rate === undefined || !isCounted ? {} : { requestsPerSecond: rate.requests }),
    };
  }

  get #restarts(): number {
    return this.#restartsBefore + this.#child.restartCount;
  }

  async #begin(): Promise<void> {
    const reading = this.place.files.readVariables();
    if (reading !== undefined) await reading;
    if (!this.#queued) return;
    this.#queued = false;
    this.#child.start();
  }

  #status(): WorkerState {
    const { state } = this.#child;
    if (this.#queued) return 'booting';
    if (state === 'idle') return 'exited';
    if (state === 'killing') return 'stopping';
    return state === 'stopping' && this.leaving ? 'draining' : state;
  }

  #spawn(): ChildHandle {
    this.#secondTry = this.#run.stillborn;
    const { reason: last } = this.#child;
    this.#run = new WorkerRun(last && this.#endBy(last).story);
    const { files, ...place } = this.place;
    const process = this.#spawner.spawn({
      ...place,
      release: files.release(),
      variables: files.variables(),
    });
    this.#process = process;
    this.#hear(process, this.#run);
    if (process.handle.pid !== undefined) {
      const { interpreter } = this.conf;
      this.#events.emit('worker.spawned', {
        ...this.#fields(),
        leaveLimitMs: leaveLimitMs(this.conf),
        ...(interpreter === undefined ? {} : { stopSignal: stopSignalOf(this.conf) }),
      });
    }
    this.emit('spawned', process);
    const softStop = (): void => process.drain(this.conf.drainTimeoutMs, this.#handsBack);
    return { ...process.handle, softStop };
  }

  /** What a process says still counts when it has ended, unless it is about the worker's present state. */
  #hear(process: SpawnedWorker, run: WorkerRun): void {
    process.on('starting', () => {
      run.starting = true;
    });
    process.on('failed', (error) => {
      run.failure = error;
    });
    process.on('listens', (server) => this.#onListens(run, server));
    process.on('certificates', (told) => {
      run.certificates = withSince(told, run.certificates, Date.now());
      this.#events.emit('worker.certificates', { ...fieldsOf(process), certificates: told });
    });
    process.on('ready', () => {
      if (this.#process === process) this.#onReady(process, run);
    });
    process.on('waits', () => {
      run.waits = true;
    });
    process.on('leaving', (why) => {
      if (this.#process !== process || this.leaving) return;
      run.wantsToLeave ??= why;
      // Nobody takes the place of a job: how it ends says what it came to.
      if (!this.conf.autorestart) process.drain(this.conf.drainTimeoutMs, false);
      this.emit('stats');
    });
    process.on('confirmed', () => this.emit('connections'));
    process.on('late', () => this.emit('late'));
    process.on('violation', (detail) => this.#onViolation(process, run, detail));
    process.on('link-lost', () => {
      if (this.#process === process) this.#child.fail('its link to the master has ended');
    });
  }

  #onReady(process: SpawnedWorker, run: WorkerRun): void {
    if (this.#child.markReady() !== 'ok') return;
    this.#beginWatch(process, run);
    this.#events.emit('worker.ready', this.#fields());
    this.emit('ready');
  }

  #beginWatch(process: SpawnedWorker, run: WorkerRun): void {
    const { heartbeatIntervalMs, heartbeatLimitMs } = this.conf;
    this.#watch?.stop();
    this.#watch = watchPeer(process.peer, {
      intervalMs: heartbeatIntervalMs,
      limitMs: heartbeatLimitMs,
      onAnswer: (answer) => this.#onAnswer(process, run, answer),
      onLost: (why) => {
        if (this.#process === process) this.#child.fail(why, { now: true });
      },
    });
  }

  #onAnswer(process: SpawnedWorker, run: WorkerRun, answer: unknown): void {
    const stats = parseWorkerStats(answer);
    if (stats === undefined)
      return this.#onViolation(process, run, 'an answer to a ping that tells nothing of it');
    if (this.#process !== process) return;
    run.tell(stats, performance.now());
    const { connectionCount } = this;
    const { accessLog, refused, ...others } = stats;
    const file = this.conf.accessLog;
    this.#events.emit('worker.stats', {
      ...this.#fields(),
      ...others,
      ...(accessLog === undefined || file === undefined ? {} : { accessLog: { ...accessLog, file } }),
      connectionCount,
    });
    if (refused !== undefined) {
      for (const { reason, count } of run.newlyRefused(refused)) {
        const status = WORKER_REFUSALS[reason];
        this.#events.emit('worker.refused', { ...this.#fields(), status, reason, count });
      }
    }
    if (!this.leaving) this.emit('stats');
  }

  #onListens(run: WorkerRun, server: OtherServer): void {
    if (this.#run !== run || !run.addOther(server)) return;
    const unclear =
      this.conf.server && server.protocol === 'http' && !server.shares && this.conf.appPort === undefined;
    const hint = unclear ? { hint: "if this is the site's server, say so with appPort" } : {};
    this.#events.emit('worker.also-listens', { ...this.#fields(), ...server, ...hint });
  }

  /** The process is killed; the restart policy decides what follows, unless it was leaving anyway. */
  #onViolation(process: SpawnedWorker, run: WorkerRun, detail: string): void {
    if (run.violated) return;
    run.violated = true;
    this.#events.emit('worker.violation', { ...fieldsOf(process), detail });
    if (this.#process === process) this.#child.fail(`it broke the protocol: ${detail}`, { now: true });
  }

  #onExit(reason: ChildReason): void {
    this.#watch?.stop();
    this.#frozen = false;
    this.#run.remark = undefined;
    const end = this.#endBy(reason);
    if (reason.what === 'spawn-failed') {
      const { slot, generation } = this.place;
      this.#events.emit('worker.spawn-failed', {
        siteId: this.conf.siteId,
        slot,
        generation,
        reason: reason.message,
      });
    } else {
      const { failure, overdue } = this.#run;
      this.#events.emit('worker.exited', {
        ...this.#fields(),
        asked: this.leaving,
        expected: this.finished || this.#asked === 'at once' || (this.#asked === 'in time' && end.isOrderly),
        what: reason.what,
        reason: overdue ? `it did not leave in time; ${end.message}` : end.message,
        ...(failure === undefined ? {} : { code: failure.code, message: failure.message }),
      });
    }
    // Nobody hears of a stillborn one but the log.
    if (!this.#run.stillborn) this.emit('exit', end.failure, reason.what === 'boot-limit');
  }

  /**
   * A spare that was killed just as it was taken says nothing of the site, whose code it has not begun with, as far as can be
   * told: another process takes its place. Once; what ends so again is a failed start.
   */
  #excuses({ signal }: ChildReason): boolean {
    const run = this.#run;
    const isSilent = signal !== null && !run.starting && run.failure === undefined;
    run.stillborn = isSilent && this.#process?.waited === true && !this.#secondTry;
    return run.stillborn;
  }

  /** The end of the present process, or of the last one. */
  #endBy(reason: ChildReason): WorkerEnd {
    return new WorkerEnd(reason, {
      workerId: this.id,
      conf: this.conf,
      run: this.#run,
      process: this.#process,
    });
  }

  #fields(): WorkerFields {
    if (this.#process !== undefined) return fieldsOf(this.#process);
    const { siteId } = this.conf;
    return { siteId, workerId: this.id, workerPid: undefined, generation: this.place.generation };
  }
}

function fieldsOf({ identity: { siteId, workerId, generation }, handle }: SpawnedWorker): WorkerFields {
  return { siteId, workerId, workerPid: handle.pid, generation };
}

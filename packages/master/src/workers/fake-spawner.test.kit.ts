// Workers without processes: what a test does to them, and what was done to them.
import { VhostError } from '@vhostd/protocol';
import type { DirectListener, WireError, WorkerIdentity, WorkerStats } from '@vhostd/protocol';
import type { ChildHandle } from '@vhostd/supervisor';
import { EventEmitter } from 'eventemitter3';
import type { SiteConf } from '../conf/site-conf.js';
import type { Connection } from '../ingress/connection.js';
import { BootGate } from './boot-gate.js';
import type { ToldQuiet } from './quiet.js';
import { SparePool } from './spare-pool.js';
import type { Spare } from './spare-pool.js';
import type { SpawnedWorker, WorkerProcessEvents } from './spawned-worker.js';
import type { Spawner, WorkerOrder } from './worker-spawner.js';

type Exit = (code: number | null, signal: string | null) => void;

/** A process that does what its test says. Asked to leave it leaves, unless it is busy. */
export class FakeProcess extends EventEmitter<WorkerProcessEvents> implements SpawnedWorker {
  readonly identity: WorkerIdentity;
  readonly order: WorkerOrder;
  readonly handle: ChildHandle;
  readonly peer: SpawnedWorker['peer'];
  readonly given: Connection[] = [];
  /** What it was asked: `drain`, `drain and hand back`, signals, and methods, but for who has which host. */
  readonly asked: string[] = [];
  /** Listeners on which it was told to accept by itself. */
  readonly accepting: Set<string> = new Set<string>();
  handsBack = true;
  /** With how many connections it was told to rest. */
  upTo: number | undefined;
  /** Whether it has room for connections that it accepts. */
  room = true;
  stats: WorkerStats = { residentBytes: 1, requestCount: 0, cpuMs: 0 };
  connectionCount = 0;
  awaitedCount = 0;
  takesConnections = true;
  full = false;
  late = false;
  ahead = false;
  idle = true;
  lastWords: string | undefined;
  waited = false;
  oomKilled = false;
  /** It finishes something, and leaves only when {@link exit} says so, or by SIGKILL. */
  busy = false;
  ended = false;
  readonly #handlers = new Map<string, (params: unknown) => unknown>();
  readonly #gone = new AbortController();
  #onExit: Exit | undefined;

  constructor(pid: number, order: WorkerOrder) {
    super();
    const { site, slot, generation, conf } = order;
    this.order = order;
    this.identity = {
      workerId: `${site.siteId}/${pid}`,
      siteId: site.siteId,
      slot,
      generation,
      listen: [],
      defaultListen: false,
      callTimeoutMs: conf.callTimeoutMs,
      drainTimeoutMs: conf.drainTimeoutMs,
      stopTimeoutMs: 1000,
      measures: false,
    };
    this.handle = {
      pid,
      kill: (signal) => this.#kill(signal),
      onExit: (callback: Exit) => {
        this.#onExit = callback;
      },
      onError: () => undefined,
    };
    this.peer = {
      handle: (method, handler) => {
        this.#handlers.set(method, (params) => handler(params, { handle: undefined }));
      },
      request: (method) => {
        if (method === 'ping') return Promise.resolve(this.stats as never);
        if (method !== 'hosts') this.asked.push(method);
        return Promise.resolve(null as never);
      },
    };
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** What it runs and for which slot, such as `2.0` for slot 0 of generation 2. */
  get name(): string {
    return `${this.identity.generation}.${this.identity.slot}`;
  }

  give(connection: Connection): boolean {
    if (!this.takesConnections) return false;
    this.given.push(connection);
    return true;
  }

  accept({ listener, upTo }: DirectListener): Promise<boolean> {
    this.upTo = upTo;
    if (this.room) this.accepting.add(listener);
    return Promise.resolve(this.room);
  }

  acceptUpTo(count: number | undefined): void {
    this.upTo = count;
  }

  acceptNoMore(listenerKey: string): Promise<void> {
    this.accepting.delete(listenerKey);
    return Promise.resolve();
  }

  retract(): void {
    this.asked.push('retract');
  }

  drain(_limitMs: number, handBack: boolean): void {
    this.asked.push(handBack ? 'drain and hand back' : 'drain');
    if (!this.busy) this.exit(0);
  }

  /** What it says of its quiet. */
  told: ToldQuiet | undefined = { quietMs: 1e9, keepAliveMs: 1000 };
  /** What it does before it stands still. */
  beforeStill: () => Promise<void> = () => Promise.resolve();
  halted = false;

  quiet(): Promise<ToldQuiet | undefined> {
    return Promise.resolve(this.told);
  }

  async standStill(): Promise<number | undefined> {
    this.asked.push('stand still');
    await this.beforeStill();
    return this.connectionCount;
  }

  goOn(): void {
    this.asked.push('go on');
  }

  halt(isHalted: boolean): void {
    this.halted = isHalted;
  }

  ready(): void {
    this.emit('ready');
  }

  /** Its boot fails, for which it has words. */
  fail(error: WireError): void {
    this.emit('failed', error);
    this.exit(1);
  }

  exit(code: number | null, signal: string | null = null): void {
    if (this.ended) return;
    this.ended = true;
    this.takesConnections = false;
    this.#gone.abort();
    this.#onExit?.(code, signal);
  }

  /** It asks its master something. */
  async ask(method: string, params: unknown): Promise<unknown> {
    const handler = this.#handlers.get(method);
    if (handler === undefined) throw new Error(`nobody answers ${method}`);
    return await handler(params);
  }

  #kill(signal: NodeJS.Signals): boolean {
    this.asked.push(signal);
    if (signal === 'SIGKILL' || !this.busy) this.exit(null, signal);
    return true;
  }
}

/** A process that waits to be a worker. */
export class FakeSpare implements Spare {
  readonly pid: number;
  ended = false;
  #onFailed: ((reason: string) => void) | undefined;

  constructor(pid: number) {
    this.pid = pid;
  }

  onFailed(callback: (reason: string) => void): void {
    this.#onFailed = callback;
  }

  end(): void {
    this.ended = true;
  }

  /** It ends unused. */
  fail(reason: string): void {
    this.ended = true;
    this.#onFailed?.(reason);
  }
}

/** Starts {@link FakeProcess}es. */
export class FakeSpawner implements Spawner {
  boots: BootGate = new BootGate(Infinity);
  /** Sites that it starts no worker of. */
  readonly refused: Set<string> = new Set<string>();
  /** All of them, in the order in which they were started. */
  readonly processes: FakeProcess[] = [];
  /** Sites that are there no more. */
  readonly forgotten: string[] = [];
  /** Why the system starts none. */
  failure: Error | undefined;
  /** All that were started ahead of need. */
  readonly spares: FakeSpare[] = [];
  /** How many of {@link processes} were such before. */
  usedCount = 0;
  readonly #pool: SparePool<WorkerOrder, FakeSpare> = new SparePool({
    boots: this.boots,
    start: () => {
      const spare = new FakeSpare(10_000 + this.spares.length);
      this.spares.push(spare);
      return spare;
    },
    onFailed: () => undefined,
    keyOf,
  });

  check({ siteId }: SiteConf): void {
    if (this.refused.has(siteId)) throw new VhostError('ERR_SITE_UNTRUSTED', `${siteId} is not trusted`);
  }

  spawn(order: WorkerOrder): FakeProcess {
    this.check(order.conf);
    if (this.failure !== undefined) throw this.failure;
    const spare = this.#pool.take(order.site.siteId, order);
    if (spare !== undefined) this.usedCount += 1;
    const process = new FakeProcess(this.processes.length + 1, order);
    process.waited = spare !== undefined;
    this.processes.push(process);
    return process;
  }

  keepSpares(order: WorkerOrder, count: number): void {
    this.#pool.keep({ siteId: order.site.siteId, order, count });
  }

  endSpares(siteId: string): void {
    this.#pool.end(siteId);
  }

  spareCountOf(siteId: string): number {
    return this.#pool.countOf(siteId);
  }

  forget(siteId: string): void {
    this.#pool.end(siteId);
    this.forgotten.push(siteId);
  }

  /** Those that have not ended. */
  get living(): FakeProcess[] {
    return this.processes.filter(({ ended }) => !ended);
  }

  /** The names of those that have not ended. */
  get names(): string[] {
    return this.living.map(({ name }) => name);
  }

  get last(): FakeProcess {
    const last = this.processes.at(-1);
    if (last === undefined) throw new Error('nothing was started');
    return last;
  }
}

function keyOf({ conf: { cpuLen: _cpuLen, ...conf }, release, variables }: WorkerOrder): string {
  return JSON.stringify([conf, release, variables]);
}

// The workers of one site by their roles: those of the generation in force, those of the one that is to follow, the one
// that is to take the place of another, those that leave.
import type { WireError } from '@vhostd/protocol';
import { EventEmitter } from 'eventemitter3';
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { SpawnedWorker } from '../workers/spawned-worker.js';
import type { Spawner, WorkerSite } from '../workers/worker-spawner.js';
import { Worker } from '../workers/worker.js';
import { Generation } from './generation.js';
import type { ReplacedWorkers } from './replacement.js';

/** What a worker is in its set. */
export type Role = 'serving' | 'next' | 'replacement' | 'draining';

/** What happens to the workers of a site; `role` is the worker's at that moment. */
export interface WorkerSetEvents {
  /** A worker has a process; what that asks for is still to be answered. */
  spawned: [worker: Worker, process: SpawnedWorker];
  ready: [worker: Worker, role: Role];
  /** A process ended, or could not be started. `slow`: it was not ready in time. */
  exit: [worker: Worker, role: Role, failure: WireError, slow: boolean];
  /** A worker is not started again. */
  errored: [worker: Worker, role: Role, failure: WireError];
  /** A worker is to leave: it gets no more connections. */
  withdrawn: [];
  /** One that was to leave has gone. */
  gone: [];
  /** Another generation without workers is in force. */
  renewed: [];
  stats: [worker: Worker];
  connections: [];
  /** A worker has left a connection unconfirmed for a while. */
  late: [worker: Worker];
}

export class WorkerSet extends EventEmitter<WorkerSetEvents> implements ReplacedWorkers<Worker> {
  readonly #site: WorkerSite;
  readonly #spawner: Spawner;
  readonly #events: MasterEvents;
  readonly #draining = new Set<Worker>();
  /** Of the next generation, those that may be given connections. */
  readonly #published = new Set<Worker>();
  #lastNumber = 1;
  #current: Generation;
  #next: Generation | undefined;
  #replacement: Worker | undefined;

  constructor(site: WorkerSite, conf: SiteConf, spawner: Spawner, events: MasterEvents) {
    super();
    this.#site = site;
    this.#spawner = spawner;
    this.#events = events;
    this.#current = new Generation(1, conf, { inForce: true });
  }

  /** The generation in force. */
  get current(): Generation {
    return this.#current;
  }

  /** The generation that is to follow. */
  get next(): Generation | undefined {
    return this.#next;
  }

  /** Those that may serve now, whether they can take a connection at this moment or not. */
  candidates(): readonly Worker[] {
    const { workers } = this.#current;
    return this.#published.size === 0 ? workers : [...workers, ...this.#published];
  }

  /** Every worker, in whatever role. */
  all(): Worker[] {
    return [
      ...this.#current.workers,
      ...(this.#next?.workers ?? []),
      ...(this.#replacement === undefined ? [] : [this.#replacement]),
      ...this.#draining,
    ];
  }

  /** Whether a worker of the generation in force is ready and nothing about it is changing. */
  get settled(): boolean {
    const { workers } = this.#current;
    if (this.#next !== undefined || this.#replacement !== undefined) return false;
    return workers.some(({ ready }) => ready) && !workers.some(({ booting }) => booting);
  }

  /** Puts a conf, and what its workers are to run, into force in a generation that has had no worker. */
  prepare(conf: SiteConf, served?: { number: number; release: Release | undefined }): void {
    const { number, conf: present, workers } = this.#current;
    if (workers.length > 0 || (present === conf && served === undefined)) return;
    this.#lastNumber = served?.number ?? number;
    this.#current = new Generation(this.#lastNumber, conf, { release: served?.release, inForce: true });
  }

  /** Puts a new generation into force in place of one without workers. */
  renew(conf: SiteConf): void {
    this.#lastNumber += 1;
    this.#current = new Generation(this.#lastNumber, conf, { inForce: true });
    this.emit('renewed');
  }

  /** Makes the generation in force as large as this. */
  scale(count: number): void {
    const { missing, surplus } = toScale(this.#current.workers, count);
    for (const slot of missing) this.#startIn(this.#current, slot);
    for (const worker of surplus) this.drain(worker);
  }

  /** Begins the generation that is to follow. */
  beginNext(conf: SiteConf): Generation {
    this.#lastNumber += 1;
    this.#next = new Generation(this.#lastNumber, conf, { inForce: false });
    return this.#next;
  }

  /** Starts the worker of the next generation that is to have this slot. */
  startNext(slot: number): Worker | undefined {
    return this.#next && this.#startIn(this.#next, slot);
  }

  /** A worker of the next generation may be given connections. */
  publish(worker: Worker): void {
    this.#published.add(worker);
  }

  /** Puts the next generation into force, and lets the workers of the present one leave. */
  promoteNext(): void {
    if (this.#next === undefined) return;
    const old = [...this.#current.workers];
    this.#current = this.#next;
    this.#next = undefined;
    this.#published.clear();
    for (const worker of old) this.drain(worker);
  }

  /** Lets the workers of the next generation leave; the present one serves on. */
  discardNext(): void {
    const workers = this.#next?.workers.splice(0) ?? [];
    this.#next = undefined;
    this.#published.clear();
    for (const worker of workers) this.drain(worker);
  }

  /** Starts a worker that may take the place of another one. */
  startReplacement(old: Worker): Worker {
    this.#replacement = this.#create(this.#current, old.slot);
    this.#replacement.start();
    return this.#replacement;
  }

  /** Puts the replacement into the place of the old worker, which leaves. */
  promoteReplacement(old: Worker): void {
    const replacement = this.#replacement;
    if (replacement === undefined) return;
    this.#replacement = undefined;
    const { workers } = this.#current;
    workers.splice(workers.indexOf(old), 1, replacement);
    this.drain(old);
  }

  /** Lets the replacement leave. */
  discardReplacement(): void {
    const replacement = this.#replacement;
    this.#replacement = undefined;
    if (replacement !== undefined) this.drain(replacement);
  }

  /** Takes a worker out, moves its idle connections to others, and lets it finish the rest. */
  drain(worker: Worker): void {
    if (this.#takeOut(worker)) void worker.drain();
  }

  /** Lets every worker of the generation in force leave, and moves nothing; resolves when they have gone. */
  async rest(): Promise<void> {
    const leaving = this.#current.workers.slice().filter((worker) => this.#takeOut(worker));
    await Promise.all(leaving.map((worker) => worker.stop()));
  }

  /** Stops those of the generation in force where they stand. */
  freeze(): void {
    for (const worker of this.#current.workers) worker.freeze();
  }

  /** Lets all run again that were. */
  thaw(): void {
    for (const worker of this.all()) worker.thaw();
  }

  /** Ends every worker; resolves when all have gone. With `now` they are killed. */
  async stop(now: boolean): Promise<void> {
    await Promise.all(this.all().map((worker) => worker.stop(now)));
  }

  /** {@link stop}, by which what is idle is handed back. */
  async leave(): Promise<void> {
    await Promise.all(this.all().map((worker) => worker.drain()));
  }

  roleOf(worker: Worker): Role {
    if (this.#current.workers.includes(worker)) return 'serving';
    if (this.#next?.workers.includes(worker) === true) return 'next';
    return worker === this.#replacement ? 'replacement' : 'draining';
  }

  /** False where it has no process: there is nothing to wait for. */
  #takeOut(worker: Worker): boolean {
    const { workers } = this.#current;
    const index = workers.indexOf(worker);
    if (index !== -1) workers.splice(index, 1);
    if (worker.resting) return false;
    this.#draining.add(worker);
    this.emit('withdrawn');
    return true;
  }

  #startIn(generation: Generation, slot: number): Worker {
    const worker = this.#create(generation, slot);
    generation.workers.push(worker);
    worker.start();
    return worker;
  }

  #create(generation: Generation, slot: number): Worker {
    const { conf, number, files } = generation;
    const place = { site: this.#site, conf, slot, generation: number, files };
    const worker = new Worker(place, this.#spawner, this.#events);
    worker.on('spawned', (process) => this.emit('spawned', worker, process));
    worker.on('ready', () => {
      files.keep();
      this.emit('ready', worker, this.roleOf(worker));
    });
    worker.on('exit', (failure, slow) => this.emit('exit', worker, this.roleOf(worker), failure, slow));
    worker.on('errored', (failure) => this.emit('errored', worker, this.roleOf(worker), failure));
    worker.on('rested', () => {
      this.#draining.delete(worker);
      this.emit('gone');
    });
    worker.on('stats', () => this.emit('stats', worker));
    worker.on('connections', () => this.emit('connections'));
    worker.on('late', () => this.emit('late', worker));
    return worker;
  }
}

/** A worker, as far as the state of its site is concerned. */
export interface WorkerRecord {
  readonly slot: number;
  readonly ready: boolean;
  readonly errored: boolean;
  readonly finished: boolean;
}

/** What the workers of a generation come to, as facts of the site's state; undefined without any. */
export function workersFact(
  workers: readonly WorkerRecord[],
): 'workers-failed' | 'workers-finished' | 'workers-none' | 'workers-ready' | 'workers-settled' | undefined {
  if (workers.length === 0) return undefined;
  const hasEnded = ({ errored, finished }: WorkerRecord): boolean => errored || finished;
  if (workers.every(hasEnded)) {
    return workers.some(({ errored }) => errored) ? 'workers-failed' : 'workers-finished';
  }
  if (!workers.some(({ ready }) => ready)) return 'workers-none';
  return workers.every((worker) => worker.ready || hasEnded(worker)) ? 'workers-settled' : 'workers-ready';
}

/** Which slots are to be started, and which workers are to leave, for a generation to be as large as this. */
export function toScale<W extends WorkerRecord>(
  workers: readonly W[],
  count: number,
): { missing: number[]; surplus: W[] } {
  const taken = new Set(workers.map(({ slot }) => slot));
  return {
    missing: Array.from({ length: count }, (_, slot) => slot).filter((slot) => !taken.has(slot)),
    surplus: workers.filter(({ slot }) => slot >= count),
  };
}

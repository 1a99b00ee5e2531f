// Lets the workers of a site accept connections by themselves where its conf says so: each is sent the listening socket,
// whose queue they share. Whenever none of them accepts there, or the site's connections are to be held or answered, the
// master does, so that all else is as on any other address.
import type { SiteConf } from '../conf/site-conf.js';
import { isFenced } from '../conf/trust.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { Listener } from '../listeners/listener.js';
import { directAddressesOf } from '../routing/site-places.js';
import type { SocketHolders } from '../routing/socket-holders.js';
import type { SpawnedWorker } from '../workers/spawned-worker.js';
import { Shares } from './shares.js';
import type { WorkerSet } from './worker-set.js';

/** Whose sockets they are. */
export type DirectSource = Pick<ListenerRegistry, 'get' | 'soleSocket' | 'leaveToWorkers' | 'backlog'>;

/** What it works with. */
export interface DirectParts<S> {
  readonly site: S;
  readonly workers: Pick<WorkerSet, 'candidates'>;
  readonly source: DirectSource;
  readonly holders: SocketHolders<S>;
}

/** A worker that was sent a socket. */
interface Grant {
  readonly listener: Listener;
  /** Resolves once it has answered. */
  answered: Promise<void>;
  accepts: boolean;
}

export class DirectAccept<S> {
  readonly #parts: DirectParts<S>;
  readonly #shares = new Shares<SpawnedWorker>(() => this.look(this.#isOpen));
  /** By the key of the listener. */
  readonly #grants = new Map<SpawnedWorker, Map<string, Grant>>();
  /** Listeners on which workers accept. */
  readonly #left = new Set<Listener>();
  #conf: SiteConf;
  /** Of workers that are told to accept no more. */
  readonly #answers = new Set<Promise<void>>();
  #isOpen = false;
  #hasEnded = false;

  constructor(conf: SiteConf, parts: DirectParts<S>) {
    this.#conf = conf;
    this.#parts = parts;
  }

  setConf(conf: SiteConf): void {
    this.#conf = conf;
  }

  /** Something has changed. `isOpen`: workers may take what comes, as it comes. */
  look(isOpen: boolean): void {
    this.#isOpen = isOpen && !this.#hasEnded;
    const wanted = this.#isOpen ? this.#wanted() : [];
    if (wanted.length === 0 && this.#grants.size === 0) return;
    const processes = this.#parts.workers
      .candidates()
      .flatMap(({ takesConnections, process }) => (takesConnections && process ? [process] : []))
      .filter(({ handsBack }) => handsBack);
    this.#withdraw(wanted);
    this.#shares.look(wanted.length === 0 ? [] : processes);
    for (const process of processes) {
      if (this.#shares.rests(process) === undefined)
        for (const listener of wanted) this.#grant(process, listener);
    }
    this.#leave(wanted, processes);
  }

  /** From now on the master accepts. Resolves when no worker does: each has closed its descriptor. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    this.look(false);
    await this.told;
  }

  /** Resolves when none accepts that was told not to: each has closed its descriptor. */
  get told(): Promise<unknown> {
    return Promise.all(this.#answers);
  }

  /** A process accepts nothing for now: it has its share, or is full. */
  onRests(process: SpawnedWorker, isFull: boolean): void {
    this.#grants.get(process)?.clear();
    this.#shares.rest(process, isFull);
    this.look(this.#isOpen);
  }

  /** A process of a worker has ended. */
  onExit(process: SpawnedWorker): void {
    this.#grants.delete(process);
    this.#shares.delete(process);
    this.#parts.holders.delete(process);
  }

  #wanted(): Listener[] {
    const { source } = this.#parts;
    // Whoever has the socket can have it block, and the master stand still in its next accept.
    if (isFenced(this.#conf)) return [];
    return directAddressesOf(this.#conf)
      .flatMap((address) => source.get(address) ?? [])
      .filter((listener) => source.soleSocket(listener) !== undefined);
  }

  #withdraw(wanted: readonly Listener[]): void {
    for (const [process, grants] of this.#grants) {
      for (const [key, grant] of grants) {
        if (wanted.includes(grant.listener)) continue;
        grants.delete(key);
        const answer = grant.answered
          .then(() => process.acceptNoMore(key))
          .finally(() => this.#answers.delete(answer));
        this.#answers.add(answer);
      }
    }
  }

  #grant(process: SpawnedWorker, listener: Listener): void {
    const { source, holders, site } = this.#parts;
    const { key, secure } = listener;
    const grants = this.#grants.get(process) ?? new Map<string, Grant>();
    const socket = grants.has(key) ? undefined : source.soleSocket(listener);
    if (socket === undefined) return;
    holders.add(process, site, key);
    const upTo = this.#shares.tell(process);
    const order = { listener: key, secure, backlog: source.backlog, ...(upTo === undefined ? {} : { upTo }) };
    const grant: Grant = { listener, accepts: false, answered: Promise.resolve() };
    grant.answered = process.accept(order, socket).then((accepts) => {
      grant.accepts = accepts;
      if (accepts) this.look(this.#isOpen);
      else if (grants.get(key) === grant) this.onRests(process, true);
    });
    this.#grants.set(process, grants.set(key, grant));
  }

  /** One that is asked once more is about to. */
  #accepts(process: SpawnedWorker, listener: Listener): boolean {
    const grant = this.#grants.get(process)?.get(listener.key);
    return grant !== undefined && (grant.accepts || this.#left.has(listener));
  }

  #leave(wanted: readonly Listener[], processes: readonly SpawnedWorker[]): void {
    for (const listener of new Set([...wanted, ...this.#left])) {
      const isLeft =
        wanted.includes(listener) &&
        processes.some(
          (process) => this.#accepts(process, listener) || this.#shares.rests(process) === 'share',
        );
      if (isLeft === this.#left.has(listener)) continue;
      if (isLeft) this.#left.add(listener);
      else this.#left.delete(listener);
      this.#parts.source.leaveToWorkers(listener, isLeft);
    }
  }
}

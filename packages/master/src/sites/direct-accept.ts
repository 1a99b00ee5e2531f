// Lets the workers of a site accept connections by themselves where its conf says so: each is sent the listening socket,
// whose queue they share. Whenever none of them accepts there, or the site's connections are to be held or answered, the
// master does, so that all else is as on any other address.
import type { SiteConf } from '../conf/site-conf.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { Listener } from '../listeners/listener.js';
import { directAddressesOf } from '../routing/site-places.js';
import type { SocketHolders } from '../routing/socket-holders.js';
import type { SpawnedWorker } from '../workers/worker-process.js';
import type { WorkerSet } from './worker-set.js';

/** Whose sockets they are. */
export type DirectSource = Pick<ListenerRegistry, 'get' | 'soleSocket' | 'leaveToWorkers' | 'backlog'>;

/** A worker that was sent a socket. */
interface Grant {
  readonly listener: Listener;
  /** Resolves once it has answered. */
  answered: Promise<void>;
  accepts: boolean;
}

export class DirectAccept<S> {
  readonly #site: S;
  readonly #workers: Pick<WorkerSet, 'candidates'>;
  readonly #source: DirectSource;
  readonly #holders: SocketHolders<S>;
  /** By the key of the listener. */
  readonly #grants = new Map<SpawnedWorker, Map<string, Grant>>();
  /** Listeners on which workers accept. */
  readonly #left = new Set<Listener>();
  #conf: SiteConf;
  #isOpen = false;

  constructor(
    conf: SiteConf,
    site: S,
    parts: { workers: Pick<WorkerSet, 'candidates'>; source: DirectSource; holders: SocketHolders<S> },
  ) {
    this.#conf = conf;
    this.#site = site;
    this.#workers = parts.workers;
    this.#source = parts.source;
    this.#holders = parts.holders;
  }

  setConf(conf: SiteConf): void {
    this.#conf = conf;
  }

  /** Something has changed. `isOpen`: workers may take what comes, as it comes. */
  look(isOpen: boolean): void {
    this.#isOpen = isOpen;
    const wanted = isOpen ? this.#wanted() : [];
    if (wanted.length === 0 && this.#grants.size === 0) return;
    const processes = this.#workers
      .candidates()
      .flatMap(({ takesConnections, process }) => (takesConnections && process ? [process] : []))
      .filter(({ handsBack }) => handsBack);
    for (const [process, grants] of this.#grants) {
      for (const [key, grant] of grants) {
        if (wanted.includes(grant.listener)) continue;
        grants.delete(key);
        void grant.answered.then(() => process.acceptNoMore(key));
      }
    }
    for (const process of processes) for (const listener of wanted) this.#grant(process, listener);
    this.#leave(wanted, processes);
  }

  /** A process of a worker has ended. */
  onExit(process: SpawnedWorker): void {
    this.#grants.delete(process);
    this.#holders.delete(process);
  }

  #wanted(): Listener[] {
    return directAddressesOf(this.#conf)
      .flatMap((address) => this.#source.get(address) ?? [])
      .filter((listener) => this.#source.soleSocket(listener) !== undefined);
  }

  #grant(process: SpawnedWorker, listener: Listener): void {
    const grants = this.#grants.get(process) ?? new Map<string, Grant>();
    if (grants.has(listener.key)) return;
    const socket = this.#source.soleSocket(listener);
    if (socket === undefined) return;
    const { key, secure } = listener;
    const { backlog } = this.#source;
    this.#holders.add(process, this.#site, key);
    const grant: Grant = { listener, accepts: false, answered: Promise.resolve() };
    grant.answered = process.accept({ listener: key, secure, backlog }, socket).then((accepts) => {
      grant.accepts = accepts;
      this.look(this.#isOpen);
    });
    this.#grants.set(process, grants.set(key, grant));
  }

  #leave(wanted: readonly Listener[], processes: readonly SpawnedWorker[]): void {
    for (const listener of new Set([...wanted, ...this.#left])) {
      const isLeft =
        wanted.includes(listener) &&
        processes.some((process) => this.#grants.get(process)?.get(listener.key)?.accepts === true);
      if (isLeft === this.#left.has(listener)) continue;
      if (isLeft) this.#left.add(listener);
      else this.#left.delete(listener);
      this.#source.leaveToWorkers(listener, isLeft);
    }
  }
}

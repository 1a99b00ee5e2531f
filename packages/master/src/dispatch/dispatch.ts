// Gives a site's connections to its workers: picks one, parks what nobody can take just now or what a pause holds,
// rejects what waits too long.
import { isDeepStrictEqual } from 'node:util';
import type { BalanceRule, SiteConf } from '../conf/site-conf.js';
import type { Connection } from '../ingress/connection.js';
import { remoteAddressOf } from '../node/raw-accept.js';
import { createBalance } from './balance/balance.js';
import type { Balance, Candidate, Client } from './balance/balance.js';
import { ConnectionQueue } from './queue.js';
import type { QueueLimits } from './queue.js';

/** A worker, as far as giving it connections is concerned. */
export interface CandidateWorker extends Candidate {
  /** Whether it may be given a connection now. */
  readonly takesConnections: boolean;
  /** Whether its server has as many connections as it takes. It gets another one only where all others have, too. */
  readonly full: boolean;
  /** Whether it has left a connection unconfirmed for a while. It gets another one only where all others have, too. */
  readonly late: boolean;
  /** Whether it still has to begin with so many that another one waits a moment for whoever begins first. */
  readonly ahead: boolean;
  /** Whether it has confirmed all that it was given and has nothing to do: it begins with another one at once. */
  readonly idle: boolean;
  /** False: it could not take it, and the connection is still the caller's. */
  give(connection: Connection): boolean;
  /** Gives the connections that it has not begun with to whoever takes them now. */
  retract(): void;
}

/** The site that connections are given for. */
export interface DispatchSite {
  /** The workers that may serve now, whether they can take a connection at this moment or not. */
  candidates(): readonly CandidateWorker[];
  /** No worker will come: waiting is pointless. */
  readonly unavailable: boolean;
  /** Connections are answered at once, whatever a pause says. */
  readonly answering: boolean;
  /** No worker can take this connection now. True: the site has dealt with it; else it waits. */
  serveWithoutWorker(connection: Connection): boolean;
  /** Ends a connection that nobody will serve. */
  reject(connection: Connection): void;
  /** Closes one whose client has left while it waited. */
  dismiss(connection: Connection): void;
}

export class Dispatch {
  readonly #site: DispatchSite;
  readonly #queue: ConnectionQueue;
  /** Those that wait a moment for whichever worker begins first. */
  #held: Connection[] = [];
  #holdTimer: NodeJS.Timeout | undefined;
  #rule: BalanceRule;
  #balance: Balance;
  #retry: NodeJS.Timeout | undefined;
  #conf: SiteConf;
  /** How long a pause holds a connection. */
  #pauseMs: number | undefined;

  constructor(conf: SiteConf, site: DispatchSite) {
    this.#site = site;
    this.#conf = conf;
    this.#rule = conf.balance;
    this.#balance = createBalance(conf.balance);
    this.#queue = new ConnectionQueue(this.#limits(), {
      onTimeout: (connection) => site.reject(connection),
      onLeft: (connection) => site.dismiss(connection),
    });
  }

  /** Connections that wait for a worker. */
  get parkedCount(): number {
    return this.#queue.count + this.#held.length;
  }

  /** Whether no more connections can wait. */
  get full(): boolean {
    return this.#queue.full;
  }

  /** Whether new connections are held. */
  get paused(): boolean {
    return this.#pauseMs !== undefined;
  }

  /** Whether some worker may be given a connection now. */
  get hasCandidate(): boolean {
    return this.#site.candidates().some((worker) => worker.takesConnections);
  }

  setConf(conf: SiteConf): void {
    if (!isDeepStrictEqual(conf.balance, this.#rule)) {
      this.#rule = conf.balance;
      this.#balance = createBalance(conf.balance);
    }
    this.#conf = conf;
    this.#queue.setLimits(this.#limits());
  }

  /** Holds what comes from now on, and what waits already, each for so long. Again: their time begins anew. */
  pause(timeoutMs: number): void {
    this.#pauseMs = timeoutMs;
    this.#queue.renew(this.#limits());
  }

  /** Gives what is held to workers, in order; what none can take just now waits as usual. Returns how much was held. */
  resume(): number {
    const heldCount = this.#queue.count;
    this.#pauseMs = undefined;
    this.#queue.renew(this.#limits());
    this.review();
    return heldCount;
  }

  /**
   * Gives a connection to a worker, or parks it, or rejects it. A pause is not for one that a worker has served. One
   * for which a worker had no descriptor is given a moment later; however often, the time that it may wait is one.
   */
  serve(connection: Connection): void {
    const why = connection.returned?.why;
    if (why === 'lost') return this.#park(connection, { retry: true, again: true });
    if (why !== 'handed-back' && this.#holding()) return this.#park(connection, { retry: false });
    const workers = this.#candidates();
    // A pause may come that is not for one that a worker has served.
    const mayWait = why !== 'handed-back' && this.#held.length < HELD_MAX_COUNT;
    if (mayWait && (this.#held.length > 0 || this.#waitPays(workers))) this.#hold(connection);
    else this.#place(connection, workers);
  }

  /** A worker may take connections: offers it those that wait. */
  flush(): void {
    if (this.#holding() || this.#candidates().length === 0) return;
    if (this.#queue.count > 0) {
      this.#queue.release((connection) => this.#give(connection, this.#candidates()));
      if (this.#queue.count > 0) this.#retryLater();
    }
    this.#releaseHeld();
  }

  /** A worker has begun with what it was given, which may be room for more: offers it those that wait. */
  advance(): void {
    // All that is confirmed in a moment makes room for them at once.
    if (this.#queue.count > 0) this.#retryLater();
    if (this.#held.length > 0 && !this.#holding()) this.#releaseHeld();
  }

  /**
   * A worker does not begin with what it was given: takes that back where another one begins at once. Where all are
   * busy, connections that go from one to the next wait no less, and cost the work twice.
   */
  relieve(late: CandidateWorker): void {
    // A client that belongs to one worker waits for that one.
    if (this.#balance.sticky || this.#holding()) return;
    const isFree = (worker: CandidateWorker): boolean =>
      worker.takesConnections && !worker.full && worker.idle;
    if (this.#site.candidates().some(isFree)) late.retract();
  }

  /** What is to be done with those that wait has changed: gives them to workers, or to the site, or rejects them. */
  review(): void {
    if (this.#holding() || this.parkedCount === 0) return;
    if (this.hasCandidate) this.flush();
    else this.#queue.sift((connection) => this.#site.serveWithoutWorker(connection));
    if (this.#site.unavailable) this.rejectAll();
  }

  /** Takes out, in order, those that wait and that `dealtWith` says have been dealt with. */
  sift(dealtWith: (connection: Connection) => boolean): void {
    this.#queue.sift(dealtWith);
    this.#held = this.#held.filter((connection) => !dealtWith(connection));
  }

  /** Ends a pause, if there is one, and rejects all that waits. */
  close(): void {
    this.#pauseMs = undefined;
    this.rejectAll();
  }

  /** Rejects all that waits. */
  rejectAll(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (const connection of [...this.#queue.empty(), ...this.#takeHeld()]) this.#site.reject(connection);
  }

  /**
   * Whether a connection is better off here for a moment: each worker still has some to begin with, and which of them gets
   * to run first is the kernel's choice. A client that belongs to one worker waits for that one.
   */
  #waitPays(workers: readonly CandidateWorker[]): boolean {
    if (workers.length < 2 || this.#balance.sticky) return false;
    const prompt = promptOf(workers);
    return prompt.every(({ ahead, late }) => ahead && !late);
  }

  #hold(connection: Connection): void {
    this.#held.push(connection);
    this.#holdTimer ??= setTimeout(() => {
      for (const held of this.#takeHeld()) {
        if (this.#holding()) this.#park(held, { retry: false });
        else this.#place(held, this.#candidates());
      }
    }, HOLD_MS);
  }

  #releaseHeld(): void {
    while (this.#held.length > 0) {
      const workers = this.#candidates();
      if (this.#waitPays(workers)) return;
      const [connection] = this.#held.splice(0, 1);
      if (connection !== undefined) this.#place(connection, workers);
    }
    this.#takeHeld();
  }

  #takeHeld(): Connection[] {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = undefined;
    return this.#held.splice(0);
  }

  #place(connection: Connection, workers: readonly CandidateWorker[]): void {
    if (this.#give(connection, workers)) return;
    if (workers.length === 0 && this.#site.serveWithoutWorker(connection)) return;
    this.#park(connection, { retry: workers.length > 0 });
  }

  #holding(): boolean {
    return this.paused && !this.#site.answering;
  }

  #limits(): QueueLimits {
    return { maxCount: this.#conf.parkMaxCount, timeoutMs: this.#pauseMs ?? this.#conf.parkTimeoutMs };
  }

  #candidates(): CandidateWorker[] {
    const open = this.#site.candidates().filter((worker) => worker.takesConnections);
    // Where all are full, the one that is picked drops it, as a server on a port does.
    return open.some(({ full }) => !full) ? open.filter(({ full }) => !full) : open;
  }

  #give(connection: Connection, candidates: readonly CandidateWorker[]): boolean {
    if (candidates.length === 0) return false;
    const client = new ConnectionClient(connection);
    // A client that belongs to one worker waits for that one.
    const workers = this.#balance.sticks(client) ? candidates : nearestOf(promptOf(candidates));
    const first = this.#balance.pick(workers, client);
    if (first?.give(connection) === true) return true;
    return workers.some((worker) => worker !== first && worker.give(connection));
  }

  #park(connection: Connection, { retry, again = false }: { retry: boolean; again?: boolean }): void {
    if (this.#site.unavailable || !this.#queue.park(connection, again)) this.#site.reject(connection);
    else if (retry) this.#retryLater();
  }

  /** Workers are there, but took nothing just now: their pipes were full, or they had more to begin with than they get. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.flush();
    }, RETRY_MS);
  }
}

/** Those that are not late; all where all are. */
function promptOf(workers: readonly CandidateWorker[]): readonly CandidateWorker[] {
  const prompt = workers.filter(({ late }) => !late);
  return prompt.length > 0 ? prompt : workers;
}

/** Those that begin at once; all where all have others to begin with. */
function nearestOf(workers: readonly CandidateWorker[]): readonly CandidateWorker[] {
  const near = workers.filter(({ ahead }) => !ahead);
  return near.length > 0 ? near : workers;
}

/** Asks the kernel only where a balance wants to know. */
class ConnectionClient implements Client {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Behind a balancer that speaks the PROXY protocol, the balancer's client. */
  get address(): string {
    const { proxied, handle } = this.#connection;
    return proxied?.client.address ?? remoteAddressOf(handle);
  }

  /** What is TLS cannot be read. */
  get head(): string {
    const { head, secure } = this.#connection;
    return secure ? '' : head;
  }

  get slot(): number | undefined {
    return this.#connection.returned?.slot;
  }
}

/** How soon a connection is offered again when every worker's pipe was full, ms. */
const RETRY_MS = 20;
/** How long a connection waits for whichever worker begins first, ms: behind that it waits in the pipe of one. */
const HOLD_MS = 20;
/** As many as one worker is sent without a word from it. */
const HELD_MAX_COUNT = 2000;

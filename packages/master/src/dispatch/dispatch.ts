// Gives a site's connections to its workers: picks one, parks what nobody can take just now or what a pause holds,
// gives up what waits too long.
import type { Connection } from '../ingress/connection.js';
import { createBalance } from './balance/balance.js';
import type { Balance, BalanceName, Candidate } from './balance/balance.js';
import type { SiteConf } from '../conf/site-conf.js';
import { Parking } from './parking.js';
import type { ParkingLimits } from './parking.js';
import { remoteAddressOf } from '../node/raw-accept.js';

/** A worker, as far as giving it connections is concerned. */
export interface Taker extends Candidate {
  /** Whether it may be given a connection now. */
  readonly available: boolean;
  give(connection: Connection): boolean;
}

export interface DispatchHost {
  /** The workers that may serve now, available or not. */
  takers(): readonly Taker[];
  /** No worker will come: waiting is pointless. */
  hopeless(): boolean;
  /** Whether connections are to be answered at once, whatever a pause says. */
  answering(): boolean;
  /** No worker may be given this connection now. True: the host has dealt with it; else it waits. */
  onStranded(connection: Connection): boolean;
  /** Ends a connection that nobody will serve. */
  giveUp(connection: Connection): void;
}

export class Dispatch {
  readonly #host: DispatchHost;
  readonly #parking: Parking;
  #balanceName: BalanceName;
  #balance: Balance;
  #retry: NodeJS.Timeout | undefined;
  #conf: SiteConf;
  /** How long a pause holds a connection. */
  #pauseMs: number | undefined;

  constructor(conf: SiteConf, host: DispatchHost) {
    this.#host = host;
    this.#conf = conf;
    this.#balanceName = conf.balance;
    this.#balance = createBalance(conf.balance);
    this.#parking = new Parking(this.#limits(), (connection) => host.giveUp(connection));
  }

  /** Connections that wait for a worker. */
  get parkedCount(): number {
    return this.#parking.count;
  }

  /** Whether no more connections can wait. */
  get full(): boolean {
    return this.#parking.full;
  }

  /** Whether new connections are held. */
  get paused(): boolean {
    return this.#pauseMs !== undefined;
  }

  /** Whether some worker may be given a connection now. */
  get hasTaker(): boolean {
    return this.#host.takers().some((taker) => taker.available);
  }

  setConf(conf: SiteConf): void {
    if (conf.balance !== this.#balanceName) {
      this.#balanceName = conf.balance;
      this.#balance = createBalance(conf.balance);
    }
    this.#conf = conf;
    this.#parking.setLimits(this.#limits());
  }

  /** Holds what comes from now on, and what waits already, each for so long. Again: their time begins anew. */
  pause(timeoutMs: number): void {
    this.#pauseMs = timeoutMs;
    this.#parking.renew(this.#limits());
  }

  /** Gives what is held to workers, in order; what none can take just now waits as usual. Returns how much was held. */
  resume(): number {
    const heldCount = this.#parking.count;
    this.#pauseMs = undefined;
    this.#parking.renew(this.#limits());
    this.review();
    return heldCount;
  }

  /** Gives a connection to a worker, or parks it, or gives it up. */
  serve(connection: Connection): void {
    if (this.#holding()) this.#park(connection, false);
    else this.serveKept(connection);
  }

  /** {@link serve} for a connection that a worker had and handed back: a pause is not for it. */
  serveKept(connection: Connection): void {
    const takers = this.#available();
    if (this.#give(connection, takers)) return;
    if (takers.length === 0 && this.#host.onStranded(connection)) return;
    this.#park(connection, takers.length > 0);
  }

  /** Gives a connection to a worker a moment later: the last one could not take it. However often, its time is one. */
  serveLater(connection: Connection): void {
    this.#park(connection, true, true);
  }

  /** A worker may take connections: offers it those that wait. */
  flush(): void {
    if (this.#holding()) return;
    const takers = this.#available();
    if (takers.length > 0) this.#parking.release((connection) => this.#give(connection, takers));
    if (this.#parking.count > 0 && takers.length > 0) this.#retryLater();
  }

  /** What may become of those that wait has changed: gives them to workers, or to the host, or up. */
  review(): void {
    if (this.#holding() || this.#parking.count === 0) return;
    if (this.hasTaker) this.flush();
    else this.#parking.sift((connection) => this.#host.onStranded(connection));
    if (this.#host.hopeless()) this.giveUpAll();
  }

  /** Ends a pause, if there is one, and gives up all that waits. */
  close(): void {
    this.#pauseMs = undefined;
    this.giveUpAll();
  }

  /** Gives up all that waits. */
  giveUpAll(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (const connection of this.#parking.empty()) this.#host.giveUp(connection);
  }

  #holding(): boolean {
    return this.paused && !this.#host.answering();
  }

  #limits(): ParkingLimits {
    return { maxCount: this.#conf.parkMaxCount, timeoutMs: this.#pauseMs ?? this.#conf.parkTimeoutMs };
  }

  #available(): Taker[] {
    return this.#host.takers().filter((taker) => taker.available);
  }

  #give(connection: Connection, takers: readonly Taker[]): boolean {
    if (takers.length === 0) return false;
    const remoteAddress = this.#balanceName === 'ip-hash' ? remoteAddressOf(connection.handle) : '';
    const first = this.#balance.pick(takers, remoteAddress);
    if (first?.give(connection) === true) return true;
    return takers.some((taker) => taker !== first && taker.give(connection));
  }

  #park(connection: Connection, retry: boolean, again = false): void {
    if (this.#host.hopeless() || !this.#parking.park(connection, again)) this.#host.giveUp(connection);
    else if (retry) this.#retryLater();
  }

  /** Workers are there, but take nothing just now: their pipes are full. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.flush();
    }, RETRY_MS);
  }
}

/** How soon a connection is offered again when every worker's pipe was full, ms. */
const RETRY_MS = 20;

// The front door of a site: connections go to its workers, unless a pause holds them, a maintenance answers them, or
// the site is idle and must be started first.
import type { MaintenancePage, SiteClaims, SiteStatus } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import { Dispatch } from '../dispatch/dispatch.js';
import type { DispatchSite } from '../dispatch/dispatch.js';
import type { Connection, Ingress } from '../ingress/connection.js';
import type { SpawnedWorker } from '../workers/spawned-worker.js';
import type { Worker } from '../workers/worker.js';
import type { DirectAccept } from './direct-accept.js';
import { HostNotice } from './host-notice.js';
import { IdleFreeze } from './idle-freeze.js';
import type { FreezeWatched } from './idle-freeze.js';
import { idleStopOf, IdleStop } from './idle-stop.js';
import type { IdleWatched } from './idle-stop.js';
import { STOPPED_PAGE } from './maintenance-page.js';
import { Maintenance } from './maintenance.js';
import type { Notice } from './maintenance.js';
import type { SiteStateMachine } from './site-state.js';
import type { WorkerSet } from './worker-set.js';

/** Where connections go that no worker of the site will see. */
export interface Rejecter {
  /** Ends one, in words of its own or with a page. */
  reject(
    connection: Connection,
    why: 'no-worker' | 'maintenance' | 'site-stopped',
    page?: MaintenancePage,
  ): void;
  /** Closes one whose client has left. */
  dismiss(connection: Connection): void;
  /** Gives one to the site that has its host by now; false: it is still this one's. */
  reroute(connection: Connection, from: Ingress): boolean;
  /** Keeps one between two requests for a site that stands still, for so long, ms; its next byte brings it back. */
  keep(connection: Connection, ingress: Ingress, limitMs: number): void;
  /** How many it keeps for a site. */
  keptCount(ingress: Ingress): number;
  /** The site has gone: the next request of each is for whoever has its host by then. */
  leaveKept(ingress: Ingress): void;
  /** Takes them out, unread. */
  takeKept(ingress: Ingress): Connection[];
}

type DirectSide = Pick<DirectAccept<unknown>, 'look' | 'end' | 'onExit' | 'onRests' | 'setConf' | 'told'>;

export class SiteIngress implements Ingress, DispatchSite, IdleWatched, FreezeWatched {
  readonly #workers: WorkerSet;
  readonly #state: SiteStateMachine;
  readonly #acceptor: Rejecter;
  readonly #dispatch: Dispatch;
  readonly #maintenance = new Maintenance();
  readonly #hosts = new HostNotice();
  readonly #idleStop: IdleStop;
  readonly #idleFreeze: IdleFreeze;
  readonly #direct: DirectSide;

  constructor(
    conf: SiteConf,
    workers: WorkerSet,
    state: SiteStateMachine,
    { acceptor, direct }: { acceptor: Rejecter; direct: DirectSide },
  ) {
    this.#direct = direct;
    this.#workers = workers;
    this.#state = state;
    this.#acceptor = acceptor;
    this.#dispatch = new Dispatch(conf, this);
    this.#idleStop = new IdleStop(idleStopOf(conf), this);
    this.#idleFreeze = new IdleFreeze(conf.idleFreezeMs, this);
  }

  /** From now on no worker accepts connections by itself; resolves when none does. */
  async acceptAlone(): Promise<void> {
    await this.#direct.end();
  }

  /** What the status says of it. */
  status(): Pick<SiteStatus, 'parked' | 'kept' | 'paused' | 'maintenance'> {
    const { parkedCount, paused } = this.#dispatch;
    const kept = this.#acceptor.keptCount(this);
    return {
      parked: parkedCount,
      ...(kept === 0 ? {} : { kept }),
      ...(paused ? { paused } : {}),
      ...this.#maintenance.status(),
    };
  }

  setConf(conf: SiteConf): void {
    this.#dispatch.setConf(conf);
    this.#direct.setConf(conf);
    this.#idleStop.setLimit(idleStopOf(conf));
    this.#idleFreeze.setLimit(conf.idleFreezeMs);
  }

  serve(connection: Connection): void {
    if (this.#keeps(connection)) return this.#acceptor.keep(connection, this, this.#idleFreeze.keepAliveMs);
    if (this.#state.frozen) this.thaw();
    this.#dispatch.serve(connection);
    this.#idleStop.look();
  }

  /** Something comes for its workers: they do not stand still, and will not for a while. */
  thaw(): void {
    this.#idleFreeze.cancel();
    this.#state.apply('thaw');
    this.#idleFreeze.look();
  }

  /** {@link thaw}, for good: others have the listeners by now. */
  thawForGood(): void {
    this.#idleFreeze.end();
    this.#thawWhole();
  }

  /** {@link thaw}, and what is kept between two requests goes back to workers. */
  #thawWhole(): void {
    this.thaw();
    for (const connection of this.#acceptor.takeKept(this)) this.serve(connection);
  }

  /** One that a worker has handed back between two requests has nothing for any worker yet. */
  #keeps({ returned, head }: Connection): boolean {
    if (!this.#idleFreeze.collecting && !this.#state.frozen) return false;
    return returned?.why === 'handed-back' && !returned.fenced && head === '';
  }

  get takesHandedBack(): boolean {
    if (this.unavailable) return false;
    const parkable = !this.#dispatch.full && !this.#dispatch.paused && !this.answering;
    return parkable || this.#dispatch.hasCandidate;
  }

  /** What a worker finds to be another site's must be able to leave it. */
  get takesUnread(): boolean {
    if (this.stopped || this.unavailable || this.answering) return false;
    return this.candidates().every(({ process }) => process === undefined || process.handsBack);
  }

  /** A worker has got ready, and may be given connections when this returns. */
  onReady(worker: Worker): void {
    this.#hosts.tellNew(worker);
    this.#maintenance.tellNew(worker);
  }

  /** Tells the workers which hosts lead to the site; resolves once they have confirmed it, or have had time to. */
  async tellHosts(claims: SiteClaims[]): Promise<void> {
    this.thaw();
    // A worker that boots is told when it is ready.
    await this.#hosts.change(
      claims,
      this.#workers.all().filter(({ up }) => up),
    );
  }

  /** What leads to the site has changed: what waits for another one by now goes there. */
  reroute(): void {
    this.#dispatch.sift((connection) => this.#acceptor.reroute(connection, this));
    this.look();
  }

  /** Whether the site is idle may have changed. */
  look(): void {
    this.#idleStop.look();
    this.#idleFreeze.look();
    const isHolding = this.#dispatch.paused || this.answering;
    const isStill = this.#state.frozen || this.#idleFreeze.collecting;
    this.#direct.look(this.#state.meaning.serves === 'now' && !isHolding && !isStill);
  }

  /** A process of a worker accepts nothing by itself for now. */
  onRests(process: SpawnedWorker, isFull: boolean): void {
    this.#direct.onRests(process, isFull);
  }

  /** A process of a worker has ended. */
  onExit({ process }: Worker): void {
    if (process !== undefined) this.#direct.onExit(process);
    this.look();
  }

  /** Workers may take connections: offers them those that wait. */
  flush(): void {
    this.look();
    this.#dispatch.flush();
  }

  /** A worker has begun with what it was given: it may have more. */
  onConfirmed(): void {
    this.#dispatch.advance();
    this.look();
  }

  /** A worker does not begin with what it was given: another one that does may have it. */
  relieve(worker: Worker): void {
    this.#dispatch.relieve(worker);
  }

  /** No worker will come soon: rejects what waits, but for what a pause holds. */
  rejectWaiting(): void {
    if (!this.#dispatch.paused) this.#dispatch.rejectAll();
  }

  /** The site stops: rejects all that waits or is held. */
  close(): void {
    this.#dispatch.close();
    this.#acceptor.leaveKept(this);
  }

  /** Holds new connections for up to so long, until {@link resume}; but for those that a maintenance answers. */
  pause(timeoutMs: number): void {
    // It is not for those that a worker has served.
    this.#thawWhole();
    this.#dispatch.pause(timeoutMs);
    this.look();
  }

  /** Gives what was held to workers, in order. */
  resume(): { wasPaused: boolean; heldCount: number } {
    if (!this.#dispatch.paused) return { wasPaused: false, heldCount: 0 };
    const heldCount = this.#dispatch.resume();
    this.look();
    return { wasPaused: true, heldCount };
  }

  /**
   * Answers every request with a notice's page, or no longer. Resolves with how many workers have not confirmed it in
   * time.
   * @throws {VhostError} ERR_MAINTENANCE_SERVER: nothing has changed.
   */
  async maintain(notice: Notice | undefined): Promise<number> {
    this.thaw();
    // A worker that boots is told when it is ready.
    const told = this.#maintenance.change(notice, () => this.#workers.all().filter(({ up }) => up));
    this.#dispatch.review();
    try {
      return await told;
    } finally {
      this.look();
    }
  }

  candidates(): readonly Worker[] {
    return this.#workers.candidates();
  }

  /** During a maintenance an idle site is not started: the master answers. */
  get unavailable(): boolean {
    if (this.#dispatch.paused && !this.answering) return false;
    const { state, meaning } = this.#state;
    return meaning.serves === 'never' || (state === 'idle' && this.answering);
  }

  get answering(): boolean {
    return this.#maintenance.page !== undefined;
  }

  get stopped(): boolean {
    return this.#state.stopping;
  }

  reject(connection: Connection): void {
    const { page } = this.#maintenance;
    if (page !== undefined) this.#acceptor.reject(connection, 'maintenance', page);
    else if (this.stopped) this.#acceptor.reject(connection, 'site-stopped', STOPPED_PAGE);
    else this.#acceptor.reject(connection, 'no-worker');
  }

  dismiss(connection: Connection): void {
    this.#acceptor.dismiss(connection);
    this.look();
  }

  /** It gets the page of a maintenance, or starts an idle site. */
  serveWithoutWorker(connection: Connection): boolean {
    if (!this.answering) {
      this.#state.apply('wake');
      return false;
    }
    // Between two requests there is nothing to answer; of TLS, only a worker can read what is asked.
    const answerable = connection.head !== '' && !connection.listener.secure;
    if (!answerable || this.candidates().some(({ ready }) => ready)) return false;
    this.reject(connection);
    return true;
  }

  get idle(): boolean {
    if (!(this.#state.serving || this.#state.frozen) || !this.#workers.settled) return false;
    if (this.#dispatch.parkedCount > 0 || this.#acceptor.keptCount(this) > 0) return false;
    return this.#workers.all().every(({ connectionCount }) => connectionCount === 0);
  }

  onIdleLimit(): void {
    this.#state.apply('rest');
  }

  get freezable(): boolean {
    const { state } = this.#state;
    if (state !== 'running' || !this.#workers.settled || this.#dispatch.paused || this.answering)
      return false;
    if (this.#dispatch.parkedCount > 0) return false;
    const serving = this.#workers.current.workers;
    const areWhole = serving.every(({ ready, resting }) => ready || resting);
    return (
      areWhole && this.#workers.all().every((each) => serving.includes(each) || each.connectionCount === 0)
    );
  }

  freezers(): readonly Worker[] {
    return this.#workers.current.workers.filter(({ ready }) => ready);
  }

  async onCollect(): Promise<void> {
    this.look();
    await this.#direct.told;
  }

  onCollected(): void {
    this.look();
  }

  onFreezeLimit(): void {
    this.#state.apply('freeze');
  }
}

// How a master ends: because it is asked to, or because another one serves by now.
import { setTimeout as delay } from 'node:timers/promises';
import { Deferred } from '@vhostd/transport';
import type { Certificates } from './certificates/certificates.js';
import type { MasterConf } from './conf/site-conf.js';
import type { DaemonSide } from './daemon-link/daemon-side.js';
import type { MasterEvents } from './events.js';
import type { Fleet } from './fleet/fleet.js';
import type { Acceptor } from './ingress/acceptor.js';
import type { ListenerRegistry } from './listeners/listener-registry.js';
import type { MasterMetrics } from './metrics/master-metrics.js';
import type { AwaitedHosts } from './sites/awaited-hosts.js';
import type { SiteManager } from './sites/site-manager.js';
import type { Sites } from './sites/sites.js';
import type { SiteWatch } from './watch/site-watch.js';

/** What of a master has an end. */
export interface ShutdownParts {
  readonly daemon: DaemonSide | undefined;
  readonly listeners: ListenerRegistry;
  readonly acceptor: Acceptor;
  readonly sites: Sites;
  readonly awaitedHosts: Pick<AwaitedHosts, 'count'>;
  readonly manager: SiteManager;
  readonly certificates: Certificates;
  readonly watch: SiteWatch;
  readonly fleet: Fleet;
  readonly metrics: MasterMetrics;
}

export class Shutdown {
  readonly #parts: ShutdownParts;
  #conf: MasterConf;
  #stopping: Promise<void> | undefined;
  /** Another master serves by now. */
  #yielding = false;
  /** Resolves when no time is to be lost any more. */
  readonly #stopDelay = new Deferred<void>();

  constructor(parts: ShutdownParts, conf: MasterConf) {
    this.#parts = parts;
    this.#conf = conf;
  }

  subscribe(events: MasterEvents): void {
    events.on('conf.applied', ({ conf }) => {
      this.#conf = conf;
    });
  }

  /** Whether a stop has been asked for. */
  get begun(): boolean {
    return this.#stopping !== undefined;
  }

  /** Drains every site and ends the process; `now` without draining. */
  stop(now = false): Promise<void> {
    const { acceptor, sites } = this.#parts;
    // Behind an upgrade all goes on, and so it does for clients whose connections are here.
    if (!this.#yielding) acceptor.health.state = 'stopping';
    this.#stopping ??= this.#stop(now);
    if (now) this.#stopDelay.resolve();
    if (now) for (const site of sites.all()) void site.stop(true);
    return this.#stopping;
  }

  /** Others have the listeners: takes no new connection, finds a worker for each that was accepted, then stops. */
  async yield(): Promise<void> {
    const { certificates, daemon, fleet, listeners, manager, metrics, sites, watch } = this.#parts;
    this.#yielding = true;
    // The other master has its own.
    void certificates.stop();
    void watch.stop();
    void fleet.leave();
    daemon?.leave();
    manager.close();
    listeners.closeExcept(new Set());
    metrics.close();
    // Nobody can end a pause here any more.
    for (const site of sites.list()) {
      site.ingress.resume();
      site.ingress.thawForGood();
      site.ingress.look();
    }
    while (this.#unplacedCount() > 0) await delay(UNPLACED_LOOK_MS);
    await this.stop();
  }

  async #stop(now: boolean): Promise<void> {
    const { certificates, daemon, fleet, manager, watch } = this.#parts;
    daemon?.leave();
    if (!now) await this.#stillServe();
    manager.close();
    await this.#closeListeners();
    // Who was accepted is served: where the service is started again, others wait at the same socket for the next master.
    if (!now) await Promise.race([this.#parts.acceptor.heard(), this.#stopDelay.promise]);
    await Promise.all([manager.stopAll(now), certificates.stop(), watch.stop()]);
    await this.#parts.listeners.closeForGood();
    await Promise.race([this.#parts.acceptor.settled(), this.#stopDelay.promise]);
    // A store that hangs holds up nobody who wants a stop at once.
    const limit = this.#stopDelay.promise.then(() => delay(WITHDRAW_NOW_LIMIT_MS));
    await Promise.race([fleet.stop(), limit]);
    process.exit();
  }

  /** Balancers and the fleet are to know that this one stops before it refuses anybody. */
  async #stillServe(): Promise<void> {
    if (this.#yielding) return;
    const { stopDelayMs } = this.#conf;
    const known = [this.#parts.fleet.drain()];
    if (stopDelayMs > 0) known.push(delay(stopDelayMs, undefined, { ref: false }));
    await Promise.race([Promise.all(known), this.#stopDelay.promise]);
  }

  /**
   * With a `healthPath` those in clear stay open to say that this one stops, for as long as it takes. Hosts lead to their
   * sites still, which refuse who comes now.
   */
  async #closeListeners(): Promise<void> {
    const { listeners, sites } = this.#parts;
    // Behind an upgrade others have the sockets, too.
    if (!this.#yielding) {
      const alone = Promise.all(sites.all().map(({ ingress }) => ingress.acceptAlone()));
      await Promise.race([alone, delay(ACCEPT_LIMIT_MS, undefined, { ref: false })]);
    }
    const answers = this.#conf.healthPath !== undefined && !this.#yielding;
    const open = answers ? listeners.list().filter(({ secure }) => !secure) : [];
    await listeners.closeForGood(new Set(open.map(({ key }) => key)));
  }

  /**
   * Connections that were accepted and that no worker has for certain: it could die and leave them, which needs a site
   * that takes them. Each has its limit of time.
   */
  #unplacedCount(): number {
    const { acceptor, awaitedHosts, sites } = this.#parts;
    const counts = sites.list().map((site) => {
      const awaited = site.workers().reduce((sum, { awaitedCount }) => sum + awaitedCount, 0);
      return site.ingress.status().parked + awaited;
    });
    return counts.reduce((sum, count) => sum + count, acceptor.peekingCount + awaitedHosts.count);
  }
}

/** How long a stop at once waits until the fleet's store has nothing of this machine, ms. */
const WITHDRAW_NOW_LIMIT_MS = 500;
/** How long workers may take to say that they accept no more, ms; one may be blocked. */
const ACCEPT_LIMIT_MS = 1000;
/** How often to look whether every connection has found its worker, ms. */
const UNPLACED_LOOK_MS = 10;

// The parts of a master, joined: what each of them tells is another one's business, the log's, or the master's.
import { setTimeout as delay } from 'node:timers/promises';
import type { ListeningInfo, LinkType } from '@vhostd/protocol';
import { Calls } from './calls.js';
import type { MasterConf } from './conf/site-conf.js';
import { Memory } from './daemon-link/memory.js';
import type { DaemonPeer, DaemonSide } from './daemon-link/daemon-side.js';
import { ListenerRegistry } from './listeners/listener-registry.js';
import type { Connection } from './ingress/connection.js';
import type { Listener } from './listeners/listener.js';
import type { Logger } from './logs/logger.js';
import { localAddressOf } from './node/raw-accept.js';
import { Reception } from './ingress/acceptor.js';
import { Router } from './routing/router.js';
import { Conductor } from './sites/conductor.js';
import type { ConductorHost, SiteFailure } from './sites/conductor.js';
import { ConfUpdates } from './sites/conf-updates.js';
import type { Site } from './sites/site.js';
import { Sites } from './sites/sites.js';
import { Workforce } from './workers/workforce.js';

/** What the parts need of the master, and tell it. */
export interface EngineHost extends Omit<ConductorHost, 'onReloaded' | 'onRemoved'> {
  conf(): MasterConf;
  log(): Logger;
  /** How connections are handed over. */
  linkType(): LinkType;
  /** All workers of a site are given up. */
  onGivenUp(failure: SiteFailure): void;
  onListening(info: ListeningInfo): void;
  onListeningClosed(info: ListeningInfo): void;
  onListenerError(error: Error): void;
}

export class Engine {
  readonly registry: ListenerRegistry;
  readonly router: Router<Site>;
  readonly reception: Reception;
  readonly workforce: Workforce;
  readonly sites: Sites;
  readonly conductor: Conductor;
  readonly calls: Calls;
  readonly #host: EngineHost;
  readonly memory: Memory;
  readonly #updates: ConfUpdates;

  constructor(host: EngineHost, daemon: DaemonSide | undefined) {
    this.#host = host;
    const daemonPeer = (): DaemonPeer | undefined => daemon?.peer;
    this.memory = new Memory(daemon, host.conf());
    this.reception = this.#newReception();
    this.registry = this.#newRegistry();
    this.registry.setSource(daemon);
    this.router = new Router(this.registry);
    this.#updates = new ConfUpdates(this.router);
    this.workforce = this.#newWorkforce(daemonPeer);
    this.sites = this.#newSites();
    this.conductor = new Conductor(this.sites, this.router, {
      onFailed: (failure) => host.onFailed(failure),
      onRecovered: () => host.onRecovered(),
      onRemoved: (siteId) => this.memory.forgetSite(siteId),
      onReloaded: ({ siteId, generation, error }) => {
        if (error === undefined) return host.log().info({ event: 'site.reloaded', siteId, generation });
        const { code, message } = error;
        return host.log().error({ event: 'site.reload.failed', siteId, generation, code, message });
      },
    });
    this.calls = new Calls({
      daemon: daemonPeer,
      worker: (workerId) => this.sites.findWorker(workerId)?.worker,
    });
  }

  /** Starts every site, with what served under the last master where that is still wanted. */
  async start(): Promise<SiteFailure[]> {
    for (const [siteId, served] of (await this.memory.recall())?.sites ?? []) {
      this.sites.find(siteId)?.resume(served);
    }
    return await this.conductor.startAll();
  }

  /** Takes no new connection; resolves once each that was accepted has found its worker. */
  async closeEntrance(): Promise<void> {
    this.conductor.close();
    this.registry.closeExcept(new Set());
    // Nobody can end a pause here any more.
    for (const site of this.sites.list()) site.entrance.resume();
    while (this.#unplacedCount() > 0) await delay(UNPLACED_LOOK_MS);
  }

  /** Drains every site, or kills its workers with `now`; what is being peeked is ended. */
  async stop(now: boolean): Promise<void> {
    this.conductor.close();
    await Promise.all(this.sites.all().map((site) => this.router.remove(site, { others: false })));
    this.reception.close();
    await this.conductor.stopAll(now);
  }

  /** Connections that were accepted and have no worker yet; each has its limit of time. */
  #unplacedCount(): number {
    const parked = this.sites.list().reduce((sum, site) => sum + site.entrance.status().parked, 0);
    return parked + this.reception.peekingCount;
  }

  #newReception(): Reception {
    const log = (): Logger => this.#host.log();
    return new Reception(this.#host.conf().limits, {
      lookup: (key, host) => this.router.lookup(key, host),
      listenerOf: (connection) => this.#listenerOf(connection),
      onAcceptError: (listener, errno) => log().error({ event: 'accept.failed', key: listener.key, errno }),
      onListenerError: (_listener, error) => this.#host.onListenerError(error),
      onRefused: (listener, status, reason) =>
        log().debug({ event: 'connection.refused', key: listener.key, status, reason }),
    });
  }

  /** The listener of a connection that comes back: the one it names, else the one that has its port by now. */
  #listenerOf({ listener, handle }: Connection): Listener | undefined {
    const listeners = this.registry.list();
    const named = listeners.find(({ key }) => key === listener.key);
    if (named !== undefined && this.router.hasListener(named.key)) return named;
    const { address, port } = localAddressOf(handle);
    const onPort = listeners.filter(({ info, key }) => info.port === port && this.router.hasListener(key));
    return (
      onPort.find(({ info }) => info.address === address) ??
      onPort.find(({ address: of }) => of.ipaddress === undefined)
    );
  }

  #newRegistry(): ListenerRegistry {
    const { reception } = this;
    return new ListenerRegistry({
      onConnection: (listener, connection) => reception.onConnection(listener, connection),
      onAcceptError: (listener, errno) => reception.onAcceptError(listener, errno),
      onError: (listener, error) => reception.onError(listener, error),
      onListening: (info) => {
        this.#host.log().info({ event: 'listening', ...info });
        this.#host.onListening(info);
      },
      onClose: (info) => {
        this.#host.log().info({ event: 'listening.closed', ...info });
        this.#host.onListeningClosed(info);
      },
    });
  }

  #newWorkforce(daemon: () => DaemonPeer | undefined): Workforce {
    const { counts } = this.reception;
    return new Workforce({
      linkType: () => this.#host.linkType(),
      headMaxBytes: () => this.#host.conf().limits.headMaxBytes,
      logsOf: (siteId) => this.sites.logsOf(siteId),
      onUpdate: (siteId, slot, params) => this.#updates.fromWorker(this.sites.get(siteId), slot, params),
      onWait: (params, gone) => this.conductor.wait(params, gone),
      onCall: (workerId, params, context) => this.calls.fromWorker(workerId, params, context),
      onAccepted: (count) => {
        counts.handedOff += count;
      },
      onViolation: () => {
        counts.violations += 1;
      },
      onForked: (pid, limitMs) => void daemon()?.notify('workerForked', { pid, limitMs }),
      onEnded: (pid) => void daemon()?.notify('workerEnded', { pid }),
      log: () => this.#host.log(),
    });
  }

  #newSites(): Sites {
    const { counts } = this.reception;
    return new Sites((siteId) => ({
      workers: this.workforce.of(siteId),
      onServes: (served) => this.memory.setSite(served),
      standingOf: (other) => this.sites.standingOf(other),
      commit: (changed, next) => this.#updates.commit(changed, next),
      giveUp: (connection, page) => this.reception.giveUp(connection, page),
      onGivenAgain: () => {
        counts.handedOffAgain += 1;
      },
      onHandedBack: () => {
        counts.handedBack += 1;
      },
      accept: (connection) => this.reception.accept(connection),
      onGivenUp: (error) => this.#host.onGivenUp({ siteId, error }),
      onSlumber: (asleep) => this.#host.log().info({ event: asleep ? 'site.asleep' : 'site.woken', siteId }),
      onChange: (site) => this.conductor.onChange(site),
    }));
  }
}

/** How often it is looked whether every connection has found its worker, ms. */
const UNPLACED_LOOK_MS = 10;

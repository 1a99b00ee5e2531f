// Sites on everything but processes: real routes and listeners, workers that do what their test says.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import type { SiteConf } from '../conf/site-conf.js';
import { MasterEvents } from '../events.js';
import type { EventName, EventPayloads } from '../events.js';
import type { Connection, Ingress, ReturnReason } from '../ingress/connection.js';
import { AddressTerms } from '../ingress/address-terms.js';
import { ListenerRegistry } from '../listeners/listener-registry.js';
import { Router } from '../routing/router.js';
import { FakeSpawner } from '../workers/fake-spawner.test.kit.js';
import type { FakeProcess } from '../workers/fake-spawner.test.kit.js';
import { SiteManager } from './site-manager.js';
import type { Site } from './site.js';
import { Sites } from './sites.js';

export class SiteBench {
  readonly events: MasterEvents = new MasterEvents();
  readonly spawner: FakeSpawner = new FakeSpawner();
  readonly listeners: ListenerRegistry = new ListenerRegistry(this.events, undefined);
  readonly router: Router<Site> = new Router<Site>(this.listeners);
  readonly rejected: string[] = [];
  /** Connections that are kept for sites that stand still. */
  readonly kept: Connection[] = [];
  readonly sites: Sites;
  readonly manager: SiteManager;
  /** What has been emitted, without the events of each worker and step. */
  readonly told: [name: EventName, payload: EventPayloads[EventName]][] = [];

  constructor(t: TestContext) {
    const acceptor = {
      terms: new AddressTerms(),
      dismiss: ({ host }: Connection) => void this.rejected.push(`${host} left`),
      reject: ({ host }: Connection, why: string) =>
        void this.rejected.push(why === 'site-stopped' ? `${host} ${why}` : (host ?? '')),
      reroute: (waiting: Connection, from: Ingress) => this.#reroute(waiting, from),
      keep: (idle: Connection) => void this.kept.push(idle),
      keptCount: () => this.kept.length,
      leaveKept: () => undefined,
      takeKept: () => this.kept.splice(0),
    };
    const { events, router, spawner } = this;
    const emit = events.emit.bind(events);
    events.emit = (name, ...payload) => {
      this.told.push([name, ...payload] as never);
      return emit(name, ...payload);
    };
    this.sites = new Sites({ router, acceptor, spawner, listeners: this.listeners, events });
    this.manager = new SiteManager(this.sites, router, events);
    // Timers of the parts keep no process alive.
    const alive = setInterval(() => undefined, 1000);
    t.after(async () => {
      clearInterval(alive);
      for (const process of spawner.living) process.busy = false;
      await this.manager.stopAll(true);
      this.listeners.closeExcept(new Set());
    });
  }

  conf(siteId: string, fields: Record<string, unknown> = {}): SiteConf {
    return confOf(siteId, fields);
  }

  /** Adds a site, without starting it. */
  load(siteId: string, fields: Record<string, unknown> = {}): Site {
    this.sites.load(confOf(siteId, fields));
    return this.sites.get(siteId);
  }

  /** Adds a site and brings it up. */
  async run(siteId: string, fields: Record<string, unknown> = {}): Promise<Site> {
    const site = this.load(siteId, fields);
    const outcome = site.bringUp();
    await this.comeUp(site);
    assert.equal(await outcome, undefined);
    return site;
  }

  /** Lets every worker of a site that boots be ready, until it runs. */
  async comeUp(site: Site): Promise<void> {
    await this.until(`${site.siteId} runs`, () => {
      for (const worker of this.booting(site)) worker.ready();
      const { state, workers } = site.status();
      return state === 'running' && workers.every((worker) => worker.state === 'ready');
    });
  }

  #reroute(waiting: Connection, from: Ingress): boolean {
    const site = this.router.lookup(waiting.listener.key, waiting.host);
    if (site === undefined || site.ingress === from) return false;
    site.ingress.serve(waiting);
    return true;
  }

  /** Those processes of a site that have not said yet that they are ready. */
  booting(site: Site): FakeProcess[] {
    const pids = new Set(
      site.status().workers.flatMap(({ pid, state }) => (state === 'booting' ? [pid] : [])),
    );
    return this.spawner.living.filter(({ handle }) => pids.has(handle.pid));
  }

  /** The payloads of what has been emitted by a name. */
  of<Name extends EventName>(name: Name): EventPayloads[Name][] {
    return this.told.flatMap(([told, payload]) => (told === name ? [payload as EventPayloads[Name]] : []));
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < TURNS; turn += 1) {
      if (condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const states = this.sites.all().map((site) => JSON.stringify(site.status()));
    assert.fail(`never: ${what}\n${states.join('\n')}`);
  }
}

/** A connection that asks for a host. */
export function connection(host: string, why?: ReturnReason, fenced = false): Connection {
  const listener = { key: 'l', secure: false };
  const handle = { fd: -1, close: () => undefined };
  const returned = why === undefined ? {} : { returned: { why, fenced } };
  return { host, head: 'GET', secure: false, listener, handle, handedBack: false, ...returned } as never;
}

/** Names of the given connections, in order. */
export function hosts(...processes: FakeProcess[]): string[] {
  return processes.flatMap(({ given }) => given.map(({ host }) => host ?? ''));
}

function confOf(siteId: string, fields: Record<string, unknown>): SiteConf {
  const site = {
    siteId,
    path: '/',
    cpuLen: 1,
    settleTime: '1ms',
    listen: [{ type: 'tcp', host: `${siteId}.test`, port: 0, ipaddress: '127.0.0.1' }],
    restart: { backoffMin: '1ms', backoffMax: '1ms' },
    ...fields,
  };
  return parseSite(site, { baseDir: '/' });
}

/** Turns of a millisecond or more. */
const TURNS = 20_000;

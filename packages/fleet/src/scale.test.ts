// What a large fleet costs its store and its edges, counted on a store that is not etcd: writes, what a watch is told, the
// memory of an edge, and how long it takes. VHOSTD_TEST_LONG=1: 1000 machines and 100 000 hosts, as in docs/fleet.md.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FleetView } from './edge/fleet-view.js';
import { changesOf } from './edge/haproxy-changes.js';
import type { Running } from './edge/haproxy-changes.js';
import { exactHosts, haproxyFiles } from './edge/haproxy-files.js';
import { planOf } from './edge/haproxy-plan.js';
import type { Plan } from './edge/haproxy-plan.js';
import { FleetFollower } from './etcd/fleet-follower.js';
import { EtcdClient } from './etcd/etcd-client.js';
import type { Change } from './etcd/etcd-client.js';
import { FakeEtcd } from './etcd/fake-etcd.test.kit.js';
import type { LocalSite } from './publishing/local-site.js';
import { Publisher } from './publishing/publisher.js';

const IS_LONG = process.env['VHOSTD_TEST_LONG'] === '1';
const MACHINE_COUNT = IS_LONG ? 1000 : 20;
/** Each is a site of its own, on two machines. */
const HOST_COUNT = IS_LONG ? 100_000 : 1000;
const SITES_PER_MACHINE = (2 * HOST_COUNT) / MACHINE_COUNT;
/** Of operations that one transaction takes; a site is two keys, and the machine one. */
const TRANSACTIONS_PER_MACHINE = Math.ceil((2 * SITES_PER_MACHINE + 1) / 128);

void test(`${MACHINE_COUNT} machines with ${HOST_COUNT} hosts`, async (t) => {
  const fake = await FakeEtcd.start(t);
  const edge = new EdgeWithoutHaproxy(t, fake.url);
  const [first, ...others] = Array.from(
    { length: MACHINE_COUNT },
    (_, index) => new Machine(t, fake.url, index),
  );
  assert.ok(first);
  await Promise.all([first, ...others].map((machine) => machine.published));
  const published = { ...fake.sums };
  t.diagnostic(`all published: ${JSON.stringify(published)}`);
  assert.equal(published.transactions, MACHINE_COUNT * TRANSACTIONS_PER_MACHINE);

  const heapBefore = heapBytes();
  await edge.reads(t, 'all');
  t.diagnostic(`heap of what the edge knows: ${toMb(heapBytes() - heapBefore)} MB`);
  assert.equal(edge.view.hosts.length, 2 * HOST_COUNT);

  // As when all leases have ended: each machine writes its keys again, and the edge looks at each transaction.
  const again = transactionsOf(fake);
  assert.equal(again.length, published.transactions);
  timed(t, 'all of it again', () => {
    for (const changes of again) edge.view.apply(changes);
  });

  const plan = timed(t, 'plan', () => edge.plan());
  const files = timed(t, 'files of HAProxy', () => haproxyFiles(plan, PLACE));
  const state = timed(t, 'state of the edge', () => JSON.stringify(edge.view.saved));
  t.diagnostic(`haproxy.cfg ${toMb(files['haproxy.cfg'].length)} MB, fleet.json ${toMb(state.length)} MB`);
  if (IS_LONG) checkWithHaproxy(t, plan);
  assert.equal(plan.backends.length, HOST_COUNT);
  const running = runningOf(plan);
  assert.deepEqual(changesOf(plan, running, PLACE.dir).commands, []);

  first.stops();
  await edge.until(({ machine }) => machine !== 'm0');
  const { transactions, watchBytes } = fake.sums;
  const stopped = {
    transactions: transactions - published.transactions,
    watchBytes: watchBytes - published.watchBytes,
  };
  t.diagnostic(`a machine in drain, then gone: ${JSON.stringify(stopped)}`);
  assert.equal(stopped.transactions, 2 * TRANSACTIONS_PER_MACHINE);
  const after = timed(t, 'plan', () => edge.plan());
  const { commands, reload } = timed(t, 'changes', () => changesOf(after, running, PLACE.dir));
  assert.equal(reload, false);
  assert.equal(commands.length, 2 * SITES_PER_MACHINE);
});

class Machine {
  /** Resolves once all of it is in the store. */
  readonly published: Promise<void>;
  readonly #publisher: Publisher;
  readonly #sites: readonly LocalSite[];

  constructor(t: TestContext, url: string, index: number) {
    const store = new EtcdClient({ endpoints: [url], timeoutMs: HOUR_MS });
    let isPublished: () => void = () => undefined;
    this.published = new Promise((resolve) => (isPublished = resolve));
    this.#publisher = new Publisher({
      settings: {
        driver: 'etcd',
        endpoints: [url],
        machine: `m${index}`,
        address: `10.0.${index >> 8}.${index & 255}`,
        prefix: PREFIX,
        weight: 100,
        edgeTimeoutMs: 10_000,
        healthPath: '/up',
      },
      version: '1.0.0',
      store,
      keepAliveMs: HOUR_MS,
      onState: ({ state }) => {
        if (state === 'connected') isPublished();
      },
    });
    this.#sites = Array.from({ length: SITES_PER_MACHINE }, (_, number) =>
      siteOf((index * (SITES_PER_MACHINE / 2) + number) % HOST_COUNT),
    );
    this.#publisher.set(this.#sites);
    t.after(async () => {
      await this.#publisher.end();
      store.close();
    });
  }

  /** Its keys are in drain, then they go. */
  stops(): void {
    this.#publisher.set(this.#sites.map((site) => ({ ...site, readiness: 'gone' })));
  }
}

function siteOf(number: number): LocalSite {
  const listen = [{ port: 8080, tls: 'none', proxy: 'v2' } as const];
  const siteId = `site-${number}`;
  const hosts = new Map([[`${siteId}.shops.example`, listen]]);
  return { siteId, readiness: 'serves', generation: 1, drainTimeoutMs: 0, hosts };
}

/** What the store has, as it was written. */
function transactionsOf({ keys }: FakeEtcd): Change[][] {
  const byRevision = new Map<number, Change[]>();
  for (const [key, { value, revision }] of keys) {
    const changes = byRevision.get(revision) ?? [];
    byRevision.set(revision, changes);
    changes.push({ key, value });
  }
  return [...byRevision.values()];
}

/** What an edge does of its own, without HAProxy. */
class EdgeWithoutHaproxy {
  readonly view = new FleetView(PREFIX);
  readonly #store: EtcdClient;
  readonly #follower: FleetFollower;
  #heard: () => void = () => undefined;

  constructor(t: TestContext, url: string) {
    this.#store = new EtcdClient({ endpoints: [url], timeoutMs: HOUR_MS });
    const take = (change: () => void): void => {
      change();
      this.#heard();
    };
    this.#follower = new FleetFollower(
      this.#store,
      PREFIX,
      {
        onSnapshot: (entries) => take(() => this.view.reset(entries)),
        onChanges: (changes) => take(() => this.view.apply(changes)),
        onLost: () => undefined,
      },
      HOUR_MS,
    );
    t.after(() => {
      this.#follower.end();
      this.#store.close();
    });
  }

  /** Reads the whole store, and follows it from there. */
  async reads(t: TestContext, what: string): Promise<void> {
    const startedMs = performance.now();
    const heard = new Promise<void>((resolve) => (this.#heard = resolve));
    void this.#follower.run();
    await heard;
    t.diagnostic(`${what} read in ${Math.round(performance.now() - startedMs)} ms`);
  }

  async until(wanted: (host: FleetView['hosts'][number]) => boolean): Promise<void> {
    while (!this.view.hosts.every(wanted)) await new Promise<void>((resolve) => (this.#heard = resolve));
  }

  plan(): Plan {
    return planOf(this.view.hosts, this.view.machines, () => 'up');
  }
}

/** A process of HAProxy that has all of a plan. */
function runningOf(plan: Plan): Running {
  const server = { maint: false, drain: false, state: 'up', weight: 100 } as const;
  return {
    backends: new Set([...plan.checks, ...plan.backends].map(({ name }) => name)),
    servers: new Map(
      plan.backends.map((backend) => [
        backend.name,
        new Map(backend.servers.map(({ name }) => [name, server])),
      ]),
    ),
    maps: { http: exactHosts(plan, 'http'), tls: new Map() },
  };
}

/** The time that HAProxy takes to read all of it, which is the least of what a new process takes. */
function checkWithHaproxy(t: TestContext, plan: Plan): void {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-scale-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(haproxyFiles(plan, { ...PLACE, dir })))
    writeFileSync(join(dir, name), text);
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin`;
  const check = timed(t, 'haproxy -c', () =>
    spawnSync('haproxy', ['-c', '-f', join(dir, 'haproxy.cfg')], { env: { PATH }, encoding: 'utf8' }),
  );
  if (check.error === undefined) assert.equal(check.status, 0, check.stderr.slice(0, 1000));
}

function timed<T>(t: TestContext, what: string, act: () => T): T {
  const startedMs = performance.now();
  const result = act();
  t.diagnostic(`${what}: ${Math.round(performance.now() - startedMs)} ms`);
  return result;
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

function toMb(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}

const PREFIX = '/vhostd/v1';
const PLACE = { dir: '/var/lib/vhostd-edge', http: [':80'], https: [] };
const HOUR_MS = 3_600_000;

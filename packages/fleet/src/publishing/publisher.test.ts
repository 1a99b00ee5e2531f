import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { FleetSettings, FleetState } from '@vhostd/protocol';
import { EtcdClient } from '../etcd/etcd-client.js';
import { FakeEtcd } from '../etcd/fake-etcd.test.kit.js';
import type { LocalSite } from './local-site.js';
import { Publisher } from './publisher.js';

function siteOf(siteId: string, readiness: LocalSite['readiness'] = 'serves'): LocalSite {
  const listen = [{ port: 80, tls: 'none', proxy: 'none' } as const];
  return {
    siteId,
    readiness,
    generation: 1,
    drainTimeoutMs: 0,
    hosts: new Map([[`${siteId}.test`, listen]]),
  };
}

class Bench {
  readonly states: FleetState[] = [];
  readonly publisher: Publisher;
  readonly #fake: FakeEtcd;
  readonly #store: EtcdClient;
  #heard: (() => void)[] = [];

  constructor(
    t: TestContext,
    fake: FakeEtcd,
    machine = 'm1',
    keepAliveMs = 50,
    driver: FleetSettings['driver'] = 'etcd',
  ) {
    this.#fake = fake;
    this.#store = new EtcdClient({ endpoints: [fake.url], timeoutMs: 500 });
    const settings = {
      driver,
      endpoints: [fake.url],
      machine,
      address: '10.0.0.1',
      prefix: driver === 'etcd' ? '/f' : 'traefik',
      weight: 100,
      edgeTimeoutMs: 1000,
      healthPath: '/up',
    } as const;
    this.publisher = new Publisher({
      settings: { ...settings, endpoints: [...settings.endpoints] },
      version: '1.2.3',
      store: this.#store,
      keepAliveMs,
      onState: (state) => {
        this.states.push(state);
        for (const wake of this.#heard.splice(0)) wake();
      },
    });
    t.after(() => this.end());
  }

  async end(): Promise<void> {
    await this.publisher.end();
    this.#store.close();
  }

  /** Resolves when a state that is told from now on, or the last one, is so. */
  async until(wanted: (state: FleetState) => boolean): Promise<void> {
    while (!this.states.slice(-1).some(wanted))
      await new Promise<void>((resolve) => this.#heard.push(resolve));
  }

  hosts(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.#fake.records)
        .filter(([key]) => key.startsWith('/f/hosts/'))
        .map(([key, record]) => [key, (record as { state: string }).state]),
    );
  }
}

void describe('the publisher', () => {
  void it('puts sites, hosts and at last the machine into the store, under one lease', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    bench.publisher.set([siteOf('a'), siteOf('b', 'coming')]);
    await bench.until(({ state }) => state === 'connected');
    const [lease] = [...fake.leases.keys()];
    const { '/f/machines/m1': machine, ...rest } = fake.records;
    assert.deepEqual(rest, {
      '/f/sites/a/m1': { state: 'up', generation: 1 },
      '/f/hosts/a.test/m1': {
        address: '10.0.0.1',
        site: 'a',
        state: 'up',
        weight: 100,
        generation: 1,
        listen: [{ port: 80, tls: 'none', proxy: 'none' }],
      },
    });
    const { started, ...known } = machine as { started: string };
    assert.ok(Math.abs(Date.parse(started) - Date.now()) < 3_600_000);
    const health = { port: 80, path: '/up', proxy: 'none' };
    assert.deepEqual(known, { address: '10.0.0.1', version: '1.2.3', lease, health });
    assert.deepEqual([...fake.keys].map(([key, stored]) => [key, stored.lease]).at(-1), [
      '/f/machines/m1',
      lease,
    ]);
    assert.equal(fake.sums.transactions, 1);
  });

  void it('writes nothing where nothing changes, and one transaction where a site does', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    bench.publisher.set([siteOf('a')]);
    await bench.until(({ state }) => state === 'connected');
    bench.publisher.set([siteOf('a')]);
    const { revision } = bench.states.at(-1) ?? {};
    bench.publisher.set([siteOf('a'), siteOf('b')]);
    await bench.until((state) => state.revision !== revision);
    assert.equal(fake.sums.transactions, 2);
  });

  void it('tells that a site is to stop before it says that it is known', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    bench.publisher.set([siteOf('a'), siteOf('b')]);
    await bench.until(({ state }) => state === 'connected');
    const drained = bench.publisher.drain({ siteIds: ['a'] });
    await bench.until(({ revision }) => revision === String(fake.revision) && fake.sums.transactions === 2);
    assert.deepEqual(bench.hosts(), { '/f/hosts/a.test/m1': 'drain', '/f/hosts/b.test/m1': 'up' });
    await drained;
    bench.publisher.set([siteOf('a', 'gone'), siteOf('b')]);
    bench.publisher.undrain({ siteIds: ['a'] });
    await bench.until(() => fake.keys.size === 3);
    assert.deepEqual(bench.hosts(), { '/f/hosts/b.test/m1': 'up' });
    await bench.publisher.withdraw();
    assert.deepEqual([...fake.keys.keys(), ...fake.leases.keys()], []);
  });

  void it('tells of a machine that an operator has taken out, and that it is back', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    const isOut = (): unknown => (fake.records['/f/machines/m1'] as { drained?: true }).drained;
    // Asked for before its sites are known.
    const out = bench.publisher.setOut(true);
    bench.publisher.set([siteOf('a')]);
    await out;
    assert.deepEqual([bench.hosts(), isOut()], [{ '/f/hosts/a.test/m1': 'drain' }, true]);
    assert.equal(bench.publisher.revision, String(fake.revision));
    await bench.publisher.setOut(false);
    assert.deepEqual([bench.hosts(), isOut()], [{ '/f/hosts/a.test/m1': 'up' }, undefined]);
  });

  void it('publishes all again behind a lease that has ended, and a store that came back empty', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    bench.publisher.set([siteOf('a')]);
    await bench.until(({ state }) => state === 'connected');
    for (const lose of [() => fake.expireAll(), () => fake.empty()]) {
      lose();
      await bench.until(({ state }) => state === 'lost');
      await bench.until(({ state }) => state === 'connected');
      assert.deepEqual(Object.keys(fake.records).toSorted(), [
        '/f/hosts/a.test/m1',
        '/f/machines/m1',
        '/f/sites/a/m1',
      ]);
    }
  });

  void it('waits for no keep-alive where a change finds that the lease has ended', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake, 'm1', HOUR_MS);
    bench.publisher.set([siteOf('a')]);
    await bench.until(({ state }) => state === 'connected');
    fake.expireAll();
    bench.publisher.set([siteOf('b')]);
    await bench.until(({ state }) => state === 'lost');
    await bench.until(({ state }) => state === 'connected');
    assert.deepEqual(bench.hosts(), { '/f/hosts/a.test/m1': 'drain', '/f/hosts/b.test/m1': 'up' });
  });

  void it('says that the store does not answer, and goes on when it does', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    bench.publisher.set([siteOf('a')]);
    await bench.until(({ state }) => state === 'connected');
    fake.hangs = true;
    await bench.until(({ state }) => state === 'lost');
    await assert.rejects(bench.publisher.drain({ siteIds: ['a'] }));
    fake.hangs = false;
    await bench.until(({ state }) => state === 'connected');
    assert.deepEqual(bench.hosts(), { '/f/hosts/a.test/m1': 'drain' });
  });

  void it('takes over what a process before it has published, without a moment in which it is not there', async (t) => {
    const fake = await FakeEtcd.start(t);
    const first = new Bench(t, fake);
    first.publisher.set([siteOf('a'), siteOf('b'), siteOf('c')]);
    await first.until(({ state }) => state === 'connected');
    await first.end();
    const [before] = [...fake.leases.keys()];
    const second = new Bench(t, fake);
    second.publisher.set([siteOf('a'), siteOf('b', 'coming'), siteOf('d')]);
    await second.until(({ state }) => state === 'connected');
    assert.deepEqual(second.hosts(), {
      '/f/hosts/a.test/m1': 'up',
      '/f/hosts/b.test/m1': 'up',
      '/f/hosts/c.test/m1': 'drain',
      '/f/hosts/d.test/m1': 'up',
    });
    fake.expire(before ?? '');
    assert.equal(Object.keys(second.hosts()).length, 4);
  });

  void it('leaves a store that another machine writes to as it is', async (t) => {
    const fake = await FakeEtcd.start(t);
    const [one, other] = [new Bench(t, fake, 'm1'), new Bench(t, fake, 'm2')];
    for (const bench of [one, other]) bench.publisher.set([siteOf('a')]);
    for (const bench of [one, other]) await bench.until(({ state }) => state === 'connected');
    await one.publisher.withdraw();
    assert.deepEqual(one.hosts(), { '/f/hosts/a.test/m2': 'up' });
  });
});

void describe('the publisher, for Traefik', () => {
  const MACHINES = ['m1', 'm2'];
  const SERVERS = 'traefik/http/services/vhostd-a.test/loadBalancer/servers/';
  const ROUTER = 'traefik/http/routers/vhostd-a.test/rule';

  async function twoMachines(t: TestContext): Promise<{ fake: FakeEtcd; one: Bench; other: Bench }> {
    const fake = await FakeEtcd.start(t);
    const [one, other] = MACHINES.map((machine) => new Bench(t, fake, machine, 50, 'traefik'));
    assert.ok(one !== undefined && other !== undefined);
    for (const bench of [one, other]) {
      bench.publisher.set([siteOf('a')]);
      await bench.until(({ state }) => state === 'connected');
    }
    return { fake, one, other };
  }

  function servers(fake: FakeEtcd): string[] {
    return Object.keys(fake.values).filter((key) => key.startsWith(SERVERS));
  }

  void it('leaves the router to the last machine of a host, which takes all away', async (t) => {
    const { fake, one, other } = await twoMachines(t);
    assert.deepEqual(servers(fake), [`${SERVERS}771700080/url`, `${SERVERS}771800080/url`]);
    assert.equal(fake.values[ROUTER], 'Host(`a.test`)');
    await one.publisher.withdraw();
    assert.deepEqual(servers(fake), [`${SERVERS}771800080/url`]);
    assert.equal(fake.values[ROUTER], 'Host(`a.test`)');
    await other.publisher.withdraw();
    assert.deepEqual(fake.values, {});
  });

  void it('takes a server out as soon as it is in drain, and puts all back with it', async (t) => {
    const { fake, one, other } = await twoMachines(t);
    await one.publisher.setOut(true);
    assert.deepEqual(servers(fake), [`${SERVERS}771800080/url`]);
    // The last server goes, and what is of use for nobody.
    await other.publisher.withdraw();
    assert.deepEqual([servers(fake), fake.values[ROUTER]], [[], undefined]);
    await one.publisher.setOut(false);
    assert.deepEqual(servers(fake), [`${SERVERS}771700080/url`]);
    assert.equal(fake.values[ROUTER], 'Host(`a.test`)');
  });

  void it('keeps the router where all leases end, and has the servers back', async (t) => {
    const { fake, one, other } = await twoMachines(t);
    fake.expireAll();
    assert.deepEqual([servers(fake), fake.values[ROUTER]], [[], 'Host(`a.test`)']);
    const isBack = async (bench: Bench): Promise<void> => {
      await bench.until(({ state }) => state === 'lost');
      await bench.until(({ state }) => state === 'connected');
    };
    await Promise.all([one, other].map(isBack));
    assert.equal(servers(fake).length, 2);
    for (const bench of [one, other]) await bench.publisher.withdraw();
    assert.deepEqual(fake.values, {});
  });

  void it('takes away what a process before it has published and its sites have not', async (t) => {
    const { fake, one, other } = await twoMachines(t);
    await other.publisher.withdraw();
    await one.end();
    const second = new Bench(t, fake, 'm1', 50, 'traefik');
    second.publisher.set([siteOf('b')]);
    await second.until(({ state }) => state === 'connected');
    assert.deepEqual(servers(fake), []);
    await second.publisher.withdraw();
    assert.deepEqual(fake.values, {});
  });
});

const HOUR_MS = 3_600_000;

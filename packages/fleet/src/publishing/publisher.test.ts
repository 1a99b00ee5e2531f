import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { FleetState } from '@vhostd/protocol';
import { EtcdClient } from '../etcd/etcd-client.js';
import { FakeEtcd } from '../etcd/fake-etcd.test.kit.js';
import type { LocalSite } from './local-site.js';
import { Publisher } from './publisher.js';

function siteOf(siteId: string, standing: LocalSite['standing'] = 'serves'): LocalSite {
  const listen = [{ port: 80, tls: 'none', proxy: 'none' } as const];
  return { siteId, standing, generation: 1, drainTimeoutMs: 0, hosts: new Map([[`${siteId}.test`, listen]]) };
}

class Bench {
  readonly states: FleetState[] = [];
  readonly publisher: Publisher;
  readonly #fake: FakeEtcd;
  readonly #store: EtcdClient;
  #heard: (() => void)[] = [];

  constructor(t: TestContext, fake: FakeEtcd, machine = 'm1', keepAliveMs = 50) {
    this.#fake = fake;
    this.#store = new EtcdClient({ endpoints: [fake.url], timeoutMs: 500 });
    const settings = {
      driver: 'etcd',
      endpoints: [fake.url],
      machine,
      address: '10.0.0.1',
      prefix: '/f',
      weight: 100,
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
    const drained = bench.publisher.drain(['a']);
    await bench.until(({ revision }) => revision === String(fake.revision) && fake.sums.transactions === 2);
    assert.deepEqual(bench.hosts(), { '/f/hosts/a.test/m1': 'drain', '/f/hosts/b.test/m1': 'up' });
    await drained;
    bench.publisher.set([siteOf('a', 'gone'), siteOf('b')]);
    bench.publisher.undrain(['a']);
    await bench.until(() => fake.keys.size === 3);
    assert.deepEqual(bench.hosts(), { '/f/hosts/b.test/m1': 'up' });
    await bench.publisher.withdraw();
    assert.deepEqual([...fake.keys.keys(), ...fake.leases.keys()], []);
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
    await assert.rejects(bench.publisher.drain(['a']));
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

const HOUR_MS = 3_600_000;

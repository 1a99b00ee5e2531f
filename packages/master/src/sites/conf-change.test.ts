// A whole conf is one change: hosts that move between sites are answered by the one, then by the other, never by nobody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connection, hosts, SiteBench } from './site-bench.test.kit.js';
import type { SiteConf } from '../conf/site-conf.js';

const KEY = '127.0.0.1|0|tcp';
const BOOM = { code: 'E_BOOM', message: 'boom' };

/** Sites with these hosts: `a: 'x y'`; `*` is the default. */
type Hosts = Record<string, string>;

class Bench extends SiteBench {
  readonly #fields: Record<string, Record<string, unknown>>;

  private constructor(t: TestContext, fields: Record<string, Record<string, unknown>>) {
    super(t);
    this.#fields = fields;
  }

  /** Sites that run. */
  static async of(
    t: TestContext,
    before: Hosts,
    fields: Record<string, Record<string, unknown>> = {},
  ): Promise<Bench> {
    const bench = new Bench(t, fields);
    for (const conf of bench.confs(before)) bench.sites.load(conf);
    const started = bench.manager.startAll();
    await bench.until('all run', () => {
      bench.readyAll();
      return bench.sites.list().every((site) => site.running && bench.booting(site).length === 0);
    });
    assert.deepEqual(await started, []);
    return bench;
  }

  confs(of: Hosts): SiteConf[] {
    return Object.entries(of).map(([siteId, names]) =>
      this.conf(siteId, {
        listen: names.split(' ').map((name) => ({
          type: 'tcp',
          port: 0,
          ipaddress: '127.0.0.1',
          ...(name === '*' ? {} : { host: `${name}.test` }),
        })),
        ...this.#fields[siteId],
      }),
    );
  }

  /** Takes up a conf; resolves with what each site came to. */
  async takeUp(of: Hosts): Promise<Record<string, string>> {
    const { sites } = await this.manager.takeUp(this.confs(of));
    return Object.fromEntries(sites.map(({ siteId, error }) => [siteId, error?.message ?? 'ok']));
  }

  /** {@link takeUp} where site a alone is to boot. */
  async takeUpAlone(of: Hosts): Promise<void> {
    const change = this.takeUp(of);
    await this.boots('a');
    this.readyAll('a');
    assert.deepEqual(await change, { a: 'ok' });
  }

  /** Lets what boots of these sites be ready. */
  readyAll(...siteIds: string[]): void {
    for (const process of this.spawner.living) {
      if (siteIds.length === 0 || siteIds.includes(process.identity.siteId)) process.ready();
    }
  }

  /** Waits until a site has so many processes. */
  async boots(...siteIds: string[]): Promise<void> {
    for (const siteId of siteIds) {
      await this.until(`${siteId} boots`, () => this.booting(this.sites.get(siteId)).length > 0);
    }
  }

  /** Who answers for these hosts. */
  who(names: string): string {
    return names
      .split(' ')
      .map((name) => this.router.lookup(KEY, `${name}.test`)?.siteId ?? '-')
      .join(' ');
  }

  async turn(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  }
}

test('a host that moves is answered by its site until the next one is ready', async (t) => {
  const bench = await Bench.of(t, { a: 'a h', b: 'b' });
  const change = bench.takeUp({ a: 'a', b: 'b h' });
  await bench.boots('a', 'b');
  bench.readyAll('a');
  await bench.turn();
  assert.equal(bench.who('a b h'), 'a b a');
  bench.readyAll('b');
  assert.deepEqual(await change, { a: 'ok', b: 'ok' });
  assert.equal(bench.who('a b h'), 'a b b');
  assert.deepEqual(bench.spawner.names.toSorted(), ['2.0', '2.0']);
});

test('two sites exchange their hosts in one instant', async (t) => {
  const bench = await Bench.of(t, { blue: 'live', green: 'next', other: 'other' });
  const seen = new Set<string>();
  const watch = setInterval(() => seen.add(bench.who('live next')), 0);
  const change = bench.takeUp({ blue: 'next', green: 'live', other: 'other' });
  await bench.boots('blue', 'green', 'other');
  for (const siteId of ['green', 'other', 'blue']) {
    await bench.turn();
    bench.readyAll(siteId);
  }
  assert.deepEqual(await change, { blue: 'ok', green: 'ok', other: 'ok' });
  clearInterval(watch);
  seen.add(bench.who('live next'));
  assert.deepEqual([...seen], ['blue green', 'green blue']);
});

test('a site that fails keeps its hosts, and so do those with which it was to exchange them; others are changed', async (t) => {
  const bench = await Bench.of(t, { blue: 'live', green: 'next', other: 'other' });
  const change = bench.takeUp({ blue: 'next', green: 'live', other: 'new' });
  await bench.boots('blue', 'green', 'other');
  bench.readyAll('blue', 'other');
  await bench.until('others are changed', () => bench.who('other new') === '- other');
  for (const process of bench.booting(bench.sites.get('green'))) process.fail(BOOM);
  assert.deepEqual(await change, {
    blue: 'hosts move between blue and green, which failed: boom',
    green: 'boom',
    other: 'ok',
  });
  assert.equal(bench.who('live next other new'), 'blue green - other');
  assert.equal(bench.sites.get('blue').status().generation, 1);
  // Nothing is left of it: the next one goes through.
  const again = bench.takeUp({ blue: 'next', green: 'live', other: 'new' });
  await bench.boots('blue', 'green', 'other');
  bench.readyAll();
  assert.deepEqual(await again, { blue: 'ok', green: 'ok', other: 'ok' });
  assert.equal(bench.who('live next'), 'green blue');
});

test('one that was ready and ends while it waits for the others fails all of them', async (t) => {
  const bench = await Bench.of(t, { blue: 'live', green: 'next' });
  const change = bench.takeUp({ blue: 'next', green: 'live' });
  await bench.boots('blue', 'green');
  const [ready] = bench.booting(bench.sites.get('blue'));
  ready?.ready();
  await bench.turn();
  ready?.exit(1);
  assert.equal(
    (await change)['green'],
    `hosts move between green and blue, which failed: ${(await change)['blue']}`,
  );
  assert.equal(bench.who('live next'), 'blue green');
});

test('every worker of a generation is ready before hosts move to it', async (t) => {
  const bench = await Bench.of(t, { a: 'a h', b: 'b' }, { b: { cpuLen: 2 } });
  const change = bench.takeUp({ a: 'a', b: 'b h' });
  await bench.boots('a', 'b');
  bench.readyAll();
  await bench.until('the second worker boots', () => bench.booting(bench.sites.get('b')).length > 0);
  assert.equal(bench.who('h'), 'a');
  for (const process of bench.booting(bench.sites.get('b'))) process.fail(BOOM);
  assert.equal((await change)['b'], 'boom');
  assert.equal(bench.who('h b'), 'a b');
  assert.deepEqual(
    bench.sites
      .get('b')
      .status()
      .workers.map(({ generation, state }) => `${generation} ${state}`),
    ['1 ready', '1 ready'],
  );
});

test('a site that is renamed serves until the one of the new name does; its address stays open', async (t) => {
  const bench = await Bench.of(t, { a: 'h' });
  const [listener] = bench.listeners.list();
  const change = bench.takeUp({ b: 'h' });
  await bench.boots('b');
  await bench.turn();
  assert.equal(bench.who('h'), 'a');
  assert.deepEqual(bench.of('site.removed'), []);
  bench.readyAll('b');
  assert.deepEqual(await change, { b: 'ok' });
  assert.equal(bench.who('h'), 'b');
  assert.deepEqual(bench.of('site.removed'), [{ siteId: 'a' }]);
  assert.deepEqual([bench.listeners.list(), bench.of('listener.closed')], [[listener], []]);
  const [old] = bench.spawner.processes;
  await bench.until('the old one leaves', () => old?.asked.length === 1);
  // What is idle there goes to the other one.
  assert.deepEqual(old?.asked, ['drain and hand back']);
});

test('a site that is gone from the conf serves on where the one that was to have its host fails', async (t) => {
  const bench = await Bench.of(t, { a: 'h' });
  const change = bench.takeUp({ b: 'h b' });
  for (const count of [1, 2, 3]) {
    await bench.until('b boots', () => bench.spawner.processes.length === 1 + count);
    bench.spawner.last.fail(BOOM);
  }
  assert.deepEqual(await change, { b: 'boom' });
  assert.equal(bench.who('h b'), 'a -');
  const [a, b] = [bench.sites.get('a'), bench.sites.get('b')].map((site) => site.status());
  assert.equal(a?.state, 'running');
  assert.match(a.reason ?? '', /generation 1 serves on: hosts move between a and b, which failed: boom/u);
  assert.deepEqual([b?.state, b?.reason], ['errored', 'boom']);
  const again = bench.takeUp({ b: 'h b' });
  await bench.boots('b');
  bench.readyAll('b');
  assert.deepEqual(await again, { b: 'ok' });
  assert.equal(bench.who('h b'), 'b b');
  await bench.until('a is gone', () => bench.sites.find('a') === undefined);
});

test('a new site takes a host from the default site when it is ready, and not before', async (t) => {
  const bench = await Bench.of(t, { d: '*' });
  const change = bench.takeUp({ d: '*', b: 'b' });
  await bench.boots('d', 'b');
  bench.readyAll('d');
  await bench.turn();
  assert.equal(bench.who('b'), 'd');
  bench.readyAll('b');
  assert.deepEqual(await change, { d: 'ok', b: 'ok' });
  assert.equal(bench.who('b x'), 'b d');
});

test('a host that nobody takes is given up when its own site is ready, and a new one is taken by then', async (t) => {
  const bench = await Bench.of(t, { a: 'a old', b: 'b' });
  const change = bench.takeUp({ a: 'a new', b: 'b' });
  await bench.boots('a', 'b');
  assert.equal(bench.who('old new'), 'a -');
  bench.readyAll('a');
  await bench.until('a is changed', () => bench.who('old new') === '- a');
  bench.readyAll('b');
  assert.deepEqual(await change, { a: 'ok', b: 'ok' });
});

test('sites that depend on one another exchange hosts: the one boots when the other is ready', async (t) => {
  const fields = { a: { dependencies: ['c'] }, c: { dependencies: ['b'] } };
  const bench = await Bench.of(t, { b: 'b', c: 'c', a: 'a' }, fields);
  const change = bench.takeUp({ b: 'a', c: 'c', a: 'b' });
  for (const siteId of ['b', 'c', 'a']) {
    await bench.boots(siteId);
    assert.equal(bench.who('a b'), 'a b');
    bench.readyAll(siteId);
  }
  assert.deepEqual(await change, { b: 'ok', c: 'ok', a: 'ok' });
  assert.equal(bench.who('a b'), 'b a');
});

test('a conf that is taken up while hosts move follows, and of several only the last', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y' });
  const changes = [
    { a: 'y', b: 'x' },
    { a: 'x', b: 'z' },
    { a: 'x', b: 'y' },
  ].map((of) => bench.takeUp(of));
  await bench.boots('a', 'b');
  bench.readyAll();
  assert.deepEqual(await changes[0], { a: 'ok', b: 'ok' });
  assert.equal(bench.who('x y'), 'b a');
  await bench.boots('a', 'b');
  bench.readyAll();
  assert.deepEqual(await Promise.all(changes.slice(1)), [
    { a: 'ok', b: 'ok' },
    { a: 'ok', b: 'ok' },
  ]);
  assert.equal(bench.who('x y z'), 'a b -');
  assert.equal(bench.sites.get('a').generation, 3);
});

test('a worker that changes its conf in between does so at once; what the others get by then they get', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y', c: 'c' });
  const [ofA] = bench.spawner.processes;
  const change = bench.takeUp({ a: 'y', b: 'x', c: 'c' });
  await bench.boots('a', 'b', 'c');
  const listen = ['x', 'more'].map((name) => ({ host: `${name}.test`, port: 0, ipaddress: '127.0.0.1' }));
  await ofA?.ask('updateServerConf', { listen });
  assert.equal(bench.who('x more y'), 'a a b');
  // The next generation of b may claim what is to be b's, and nothing else.
  const [nextOfB] = bench.booting(bench.sites.get('b'));
  const claim = (name: string): object => ({
    listen: [{ host: `${name}.test`, port: 0, ipaddress: '127.0.0.1' }],
  });
  await assert.rejects(nextOfB?.ask('updateServerConf', claim('c')) ?? Promise.resolve(), {
    code: 'ERR_ROUTE_CONFLICT',
  });
  await nextOfB?.ask('updateServerConf', claim('x'));
  bench.readyAll();
  assert.deepEqual(await change, { a: 'ok', b: 'ok', c: 'ok' });
  assert.equal(bench.who('x more y c'), 'b - a c');
});

test('a worker can take nothing in between that a conf names by now', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y', c: 'c' });
  const ofC = bench.spawner.processes[2];
  const change = bench.takeUp({ a: 'y new', b: 'x', c: 'c' });
  await bench.boots('a', 'b', 'c');
  const listen = ['c', 'new'].map((name) => ({ host: `${name}.test`, port: 0, ipaddress: '127.0.0.1' }));
  await assert.rejects(ofC?.ask('updateServerConf', { listen }) ?? Promise.resolve(), {
    code: 'ERR_ROUTE_CONFLICT',
    message: /^host new\.test is on port 0 of 127\.0\.0\.1 of the conf of site a;/,
  });
  bench.readyAll();
  assert.deepEqual(await change, { a: 'ok', b: 'ok', c: 'ok' });
  assert.equal(bench.who('x y new c'), 'b a a c');
});

test('a site whose hosts move is not reloaded alone', async (t) => {
  const bench = await Bench.of(t, { a: 'a h', b: 'b' });
  const confs = bench.confs({ a: 'a', b: 'b h' });
  for (const siteId of ['a', 'b']) {
    assert.throws(() => bench.manager.takeUpOne(siteId, confs), {
      code: 'ERR_ROUTE_MOVES',
      message: `site ${siteId} can't be changed alone: host h.test on port 0|tcp moves from a to b; vhostd reload, without a site, changes all at once`,
    });
  }
  for (const conf of confs) bench.sites.load(conf);
  const { sites } = await bench.manager.reload([bench.sites.get('a')]);
  assert.equal(sites[0]?.error?.code, 'ERR_ROUTE_MOVES');
  assert.equal((await bench.manager.restart(bench.sites.get('a'))).error?.code, 'ERR_ROUTE_MOVES');
  assert.equal(bench.who('h'), 'a');
  // Those that nothing moves from or to are.
  bench.manager.takeUpOne('b', bench.confs({ a: 'a h', b: 'b n' }));
});

test('connections that a site holds go to the one that has their host by then', async (t) => {
  const bench = await Bench.of(t, { a: 'h a' });
  bench.sites.get('a').ingress.pause(60_000);
  for (const host of ['h.test', 'a.test']) {
    const waiting = { ...connection(host), listener: { key: KEY, secure: false } };
    bench.sites.get('a').ingress.serve(waiting);
  }
  const change = bench.takeUp({ a: 'a', b: 'h' });
  await bench.boots('a', 'b');
  bench.readyAll();
  assert.deepEqual(await change, { a: 'ok', b: 'ok' });
  assert.deepEqual(hosts(...bench.spawner.processes), ['h.test']);
  assert.equal(bench.sites.get('a').status().parked, 1);
});

test('an idle site takes part without being started', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y' }, { b: { cpuLen: 0 } });
  assert.equal(bench.sites.get('b').status().state, 'idle');
  const change = bench.takeUp({ a: 'y', b: 'x' });
  await bench.boots('a');
  assert.equal(bench.who('x y'), 'a b');
  bench.readyAll('a');
  assert.deepEqual(await change, { a: 'ok', b: 'ok' });
  assert.equal(bench.who('x y'), 'b a');
  assert.equal(bench.sites.get('b').status().state, 'idle');
});

test('a site that an operator has stopped keeps its hosts, and gives and takes them without being started', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y' });
  const b = bench.sites.get('b');
  await bench.manager.stopSite(b, false);
  assert.deepEqual([bench.who('x y'), b.status().hosts], ['a b', ['y.test']]);
  b.ingress.serve(connection('y'));
  assert.deepEqual(bench.rejected, ['y site-stopped']);
  await bench.takeUpAlone({ a: 'y', b: 'x' });
  assert.equal(bench.who('x y'), 'b a');
  await bench.takeUpAlone({ a: 'y', b: 'x z' });
  assert.deepEqual([bench.who('x y z'), b.status().state], ['b a b', 'stopped']);
  const started = bench.manager.startSite(b);
  await bench.comeUp(b);
  await started;
  assert.equal(bench.who('x y z'), 'b a b');
});

test('a stopped site that a conf names for the first time has its hosts, and nobody can take them', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y' });
  await bench.manager.stopSite(bench.sites.get('b'), false);
  await bench.takeUpAlone({ a: 'x' });
  // A site that is gone leaves by itself: nobody waits for it.
  await bench.until('b has left', () => bench.who('x y') === 'a -');
  await bench.takeUpAlone({ a: 'x', b: 'y' });
  assert.equal(bench.who('x y'), 'a b');
  const b = bench.sites.get('b').status();
  assert.deepEqual([b.state, b.reason], ['stopped', undefined]);
  const taken = bench.takeUp({ a: 'x y', b: 'y' });
  await bench.boots('a');
  bench.readyAll('a');
  assert.match((await taken)['a'] ?? '', /host y.test .* belongs to site b/u);
});

test('a stopped site whose workers have said which hosts it has keeps them when it starts', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { listen: [] });
  await bench.spawner.last.ask('updateServerConf', {
    listen: [{ type: 'tcp', host: 'x.test', port: 0, ipaddress: '127.0.0.1' }],
  });
  await bench.manager.stopSite(site, false);
  const started = bench.manager.startSite(site);
  await bench.until('it boots', () => bench.booting(site).length > 0);
  assert.equal(bench.router.lookup(KEY, 'x.test'), site);
  await bench.comeUp(site);
  await started;
});

test('a site that is stopped while it waits for the others holds them up no longer', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y' });
  const change = bench.takeUp({ a: 'y', b: 'x' });
  await bench.boots('a', 'b');
  bench.readyAll('a');
  await bench.manager.stopAll(true);
  assert.match((await change)['a'] ?? '', /stopped/u);
});

void test('of two sites that name one host in a conf, the one that has it keeps it, whichever comes first', async (t) => {
  const bench = await Bench.of(t, { a: 'x', b: 'y' });
  const change = bench.takeUp({ a: 'y', b: 'y' });
  await bench.boots('b');
  bench.readyAll();
  assert.deepEqual(await change, {
    a: `host y.test on port 0 of 127.0.0.1 belongs to site b; a cannot have it`,
    b: 'ok',
  });
});

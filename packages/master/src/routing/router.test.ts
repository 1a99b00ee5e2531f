// Changes of routes beside one another: one that waits for workers holds up only those that concern the same sites.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { SiteClaims } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import { MasterEvents } from '../events.js';
import { ListenerRegistry } from '../listeners/listener-registry.js';
import type { LostPlace, Upstream } from './lost-places.js';
import { Router } from './router.js';
import type { ListenConf } from './router.js';

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A site whose workers confirm what they are told when the test lets them. */
class SlowSite {
  readonly siteId: string;
  readonly told: SiteClaims[][] = [];
  slow: Deferred<void> | undefined;

  constructor(siteId: string) {
    this.siteId = siteId;
  }

  async tellHosts(claims: SiteClaims[]): Promise<void> {
    this.told.push(claims);
    if (claims.length > 1) await this.slow?.promise;
  }

  onRoutesChanged(): void {
    // Nothing waits here.
  }
}

/** Leads clients here from outside; it hears of nothing before the test lets it. */
class SlowUpstream implements Upstream {
  readonly told: string[] = [];
  slow: Deferred<void> | undefined;

  async drainPlaces(places: readonly LostPlace[]): Promise<void> {
    this.told.push(`drain ${namesOf(places)}`);
    await this.slow?.promise;
  }

  undrainPlaces(places: readonly LostPlace[]): void {
    this.told.push(`undrain ${namesOf(places)}`);
  }
}

function namesOf(places: readonly LostPlace[]): string {
  return places.map(({ siteId, host, port }) => `${siteId} ${host} ${port}`).join(', ');
}

class Bench {
  readonly upstream = new SlowUpstream();
  readonly router: Router<SlowSite> = new Router<SlowSite>(
    new ListenerRegistry(new MasterEvents(), undefined),
    this.upstream,
  );
  readonly #sites = new Map<string, SlowSite>();

  site(siteId: string): SlowSite {
    const known = this.#sites.get(siteId) ?? new SlowSite(siteId);
    this.#sites.set(siteId, known);
    return known;
  }

  /** Gives a site these hosts. */
  async give(siteId: string, ...hosts: string[]): Promise<void> {
    const site = this.site(siteId);
    await this.router.change([{ site, begin: () => confOf(hosts), commit: () => undefined }]);
  }

  /** Which site a host leads to. */
  leadsTo(host: string): string | undefined {
    return this.router.lookup(KEY, host)?.siteId;
  }

  async close(): Promise<void> {
    for (const site of this.#sites.values()) {
      site.slow?.resolve();
      await this.router.remove(site, { others: false });
    }
  }
}

const KEY = '127.0.0.1|0|tcp';

function confOf(hosts: readonly string[]): ListenConf {
  const place = { type: 'tcp', port: 0, ipaddress: '127.0.0.1' } as const;
  return { listen: hosts.map((host) => ({ ...place, host })), defaultListen: false };
}

/** Site a has all below shop.test, and is slow with what it is told. */
async function started(t: TestContext): Promise<Bench> {
  const bench = new Bench();
  t.after(() => bench.close());
  await bench.give('a', '*.shop.test');
  bench.site('a').slow = new Deferred();
  return bench;
}

test('a connection that came in before is for the most exact listener that has its address by now', async (t) => {
  const bench = new Bench();
  t.after(() => bench.close());
  const port = await freePort();
  const on = (...ips: string[]): ListenConf => ({
    listen: ips.map((ipaddress) => ({ type: 'tcp', port, ipaddress, host: 'h.test' })),
    defaultListen: false,
  });
  const give = async (siteId: string, conf: ListenConf): Promise<void> =>
    bench.router.change([{ site: bench.site(siteId), begin: () => conf, commit: () => undefined }]);
  const at = (address: string): string | undefined =>
    bench.router.listenerOf(`0.0.0.0|${port}`, { address, port })?.key;
  await give('a', on('0.0.0.0'));
  assert.deepEqual([at('127.0.0.1'), bench.router.leads(`0.0.0.0|${port}`)], [`0.0.0.0|${port}`, true]);
  await give('b', on('127.0.0.1'));
  assert.deepEqual([at('127.0.0.1'), at('127.0.0.2')], [`127.0.0.1|${port}`, `0.0.0.0|${port}`]);
  assert.equal(bench.router.leads(`0.0.0.0|${port}`), false);
});

test('a change that waits for the workers of a site holds up changes of no other sites', async (t) => {
  const bench = await started(t);
  const pay = bench.give('b', 'pay.shop.test');
  await bench.give('c', 'c.test');
  await bench.give('c', 'c.test', 'also-c.test');
  assert.deepEqual(
    ['also-c.test', 'pay.shop.test', 'x.shop.test'].map((host) => bench.leadsTo(host)),
    ['c', 'a', 'a'],
  );
  bench.site('a').slow?.resolve();
  await pay;
  assert.deepEqual(
    ['also-c.test', 'pay.shop.test', 'x.shop.test'].map((host) => bench.leadsTo(host)),
    ['c', 'b', 'a'],
  );
});

test('changes that concern the same site are made one behind the other', async (t) => {
  const bench = await started(t);
  const order: string[] = [];
  const note = (what: string) => () => void order.push(what);
  const all = [
    bench.give('b', 'pay.shop.test').then(note('b')),
    bench.give('d', 'd.shop.test').then(note('d')),
    bench.give('b', 'pay.shop.test', 'b.test').then(note('b again')),
  ];
  await bench.give('c', 'c.test');
  assert.deepEqual(order, []);
  // What is not settled yet is told together with what there is: once for each change.
  assert.equal(bench.site('a').told.filter((claims) => claims.length > 1).length, 1);
  bench.site('a').slow?.resolve();
  await Promise.all(all);
  assert.equal(order.length, 3);
  assert.equal(bench.site('a').told.filter((claims) => claims.length > 1).length, 2);
  assert.deepEqual(
    ['pay.shop.test', 'd.shop.test', 'b.test', 'x.shop.test'].map((host) => bench.leadsTo(host)),
    ['b', 'd', 'b', 'a'],
  );
});

test('of two that want the same, who is first has it, however long that takes', async (t) => {
  const bench = await started(t);
  const both = bench.give('b', 'pay.shop.test', 'new.test');
  const late = assert.rejects(bench.give('c', 'new.test'), { code: 'ERR_ROUTE_CONFLICT' });
  await bench.give('d', 'd.test');
  bench.site('a').slow?.resolve();
  await Promise.all([both, late]);
  assert.deepEqual([bench.leadsTo('pay.shop.test'), bench.leadsTo('new.test')], ['b', 'b']);
});

test('what a site gives up can be had behind that, not refused', async (t) => {
  const bench = await started(t);
  const removed = bench.give('a', 'a.test');
  const all = bench.give('b', '*.shop.test');
  await bench.give('d', 'd.test');
  bench.site('a').slow?.resolve();
  await Promise.all([removed, all]);
  assert.deepEqual([bench.leadsTo('x.shop.test'), bench.leadsTo('a.test')], ['b', 'a']);
});

test('a site that is removed while its change waits is not put back', async (t) => {
  const bench = await started(t);
  const { told } = bench.site('a');
  const before = told.at(-1);
  const pay = bench.give('b', 'pay.shop.test');
  await bench.give('c', 'c.test');
  const removed = bench.router.remove(bench.site('b'), { others: true });
  bench.site('a').slow?.resolve();
  await assert.rejects(pay, { code: 'ERR_SITE_STOPPED' });
  await removed;
  assert.equal(bench.leadsTo('pay.shop.test'), 'a');
  // It was told that it would lose something.
  assert.deepEqual(told.at(-1), before);
});

test('what goes from this machine is led to by nobody before it goes, and what moves within it is not told of', async (t) => {
  const bench = new Bench();
  t.after(() => bench.close());
  const { upstream } = bench;
  await bench.give('a', 'a.test', 'b.test');
  upstream.slow = new Deferred();
  const given = bench.give('a', 'a.test');
  await bench.give('c', 'c.test');
  assert.deepEqual(upstream.told, ['drain a b.test 0']);
  assert.deepEqual([bench.leadsTo('b.test'), bench.leadsTo('c.test')], ['a', 'c']);
  upstream.slow.resolve();
  await given;
  assert.equal(bench.leadsTo('b.test'), undefined);
  assert.deepEqual(upstream.told.splice(0), ['drain a b.test 0', 'undrain a b.test 0']);

  const sites = { a: 'x.test', c: 'a.test' };
  await bench.router.change(
    Object.entries(sites).map(([siteId, host]) => ({
      site: bench.site(siteId),
      begin: () => confOf([host]),
      commit: () => undefined,
    })),
  );
  assert.deepEqual(upstream.told.splice(0), ['drain c c.test 0', 'undrain c c.test 0']);
});

test('what was to go and stays is led to again', async (t) => {
  const bench = new Bench();
  t.after(() => bench.close());
  const { upstream, router } = bench;
  await bench.give('a', 'a.test', 'b.test');
  let turn = 0;
  const begin = (): ListenConf => {
    if ((turn += 1) > 1) throw new Error('it is discarded');
    return confOf(['b.test']);
  };
  const changed = router.change([{ site: bench.site('a'), begin, commit: () => undefined }]);
  await assert.rejects(changed, /discarded/);
  assert.deepEqual(upstream.told, ['drain a a.test 0', 'undrain a a.test 0']);
  assert.equal(bench.leadsTo('a.test'), 'a');
});

test('a site that is removed was drained by whoever removes it', async () => {
  const bench = new Bench();
  await bench.give('a', 'a.test');
  await bench.close();
  assert.deepEqual(bench.upstream.told, []);
});

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import { MasterEvents } from '../events.js';
import type { Connection } from '../ingress/connection.js';
import { AwaitedHosts } from './awaited-hosts.js';
import { connection, SiteBench } from './site-bench.test.kit.js';

/** Hosts by name, and what becomes of those who ask for them. */
class Bench {
  readonly routed = new Set<string>();
  readonly log: string[] = [];
  readonly sites = [
    { awaitsHosts: true, conf: { parkMaxCount: 2, parkTimeoutMs: 1000 } },
    { awaitsHosts: true, conf: { parkMaxCount: 1, parkTimeoutMs: 5000 } },
  ];
  readonly awaited: AwaitedHosts;
  readonly acceptor = {
    holdUnrouted: undefined as ((connection: Connection) => boolean) | undefined,
    route: ({ host }: Connection): boolean => {
      if (host === null || !this.routed.has(host)) return false;
      this.log.push(`${host} served`);
      return true;
    },
    refuseUnrouted: ({ host }: Connection) => void this.log.push(`${host} refused`),
    dismiss: ({ host }: Connection) => void this.log.push(`${host} left`),
  };
  readonly #events = new MasterEvents();

  constructor(t: TestContext) {
    this.awaited = new AwaitedHosts(this.acceptor, () => this.sites);
    this.awaited.subscribe(this.#events);
    t.after(() => this.awaited.end());
  }

  asks(host: string): boolean {
    return this.acceptor.holdUnrouted?.(connection(host)) === true;
  }

  /** Sites have changed. */
  look(): void {
    this.#events.emit('site.state', { siteId: 'a', from: 'loaded', event: 'placed', to: 'waiting' });
  }
}

test('who asks for a host that nobody has waits for it while sites are started, as many as the largest site lets wait', (t) => {
  const bench = new Bench(t);
  assert.equal(bench.asks('early.test'), false);
  bench.awaited.begin();
  assert.deepEqual([bench.asks('a.test'), bench.asks('b.test'), bench.asks('c.test')], [true, true, false]);
  bench.look();
  assert.deepEqual([bench.log, bench.awaited.count], [[], 2]);
  bench.routed.add('b.test');
  bench.look();
  assert.deepEqual([bench.log, bench.awaited.count], [['b.test served'], 1]);
  bench.routed.add('a.test');
  bench.awaited.end();
  assert.deepEqual([bench.log, bench.awaited.count], [['b.test served', 'a.test served'], 0]);
  assert.equal(bench.asks('c.test'), false);
});

test('nobody waits longer than a site comes with hosts', (t) => {
  const bench = new Bench(t);
  bench.awaited.begin();
  bench.asks('a.test');
  for (const site of bench.sites) {
    assert.deepEqual(bench.log, []);
    site.awaitsHosts = false;
    bench.look();
  }
  assert.deepEqual([bench.log, bench.asks('b.test')], [['a.test refused'], false]);
});

test('nor than the site that lets clients wait longest', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const now = mock.method(performance, 'now', () => nowMs);
  t.after(() => {
    mock.timers.reset();
    now.mock.restore();
  });
  const bench = new Bench(t);
  bench.awaited.begin();
  bench.asks('a.test');
  for (const [ms, log] of [
    [4999, []],
    [1, ['a.test refused']],
  ] as const) {
    nowMs += ms;
    mock.timers.tick(ms);
    assert.deepEqual(bench.log, log);
  }
});

test('hosts are awaited of a site until it has its own, or its first worker could have named them, or it has failed', async (t) => {
  const bench = new SiteBench(t);
  const named = bench.load('named');
  const blocked = bench.load('blocked', {
    listen: [{ host: 'named.test', port: 0, ipaddress: '127.0.0.1' }],
  });
  const naming = bench.load('naming', { listen: undefined });
  const failing = bench.load('failing', { listen: undefined, restart: { intensity: 1 } });
  const all = [named, blocked, naming, failing];
  const awaited = (): boolean[] => all.map(({ awaitsHosts }) => awaitsHosts);
  assert.deepEqual(awaited(), [true, true, true, true]);
  void bench.manager.startAll();
  await bench.until('they boot', () => bench.spawner.living.length === 3);
  assert.deepEqual(awaited(), [false, false, true, true]);
  await bench.comeUp(naming);
  assert.deepEqual(awaited(), [false, false, false, true]);
  await bench.until('it is given up', () => {
    for (const process of bench.booting(failing)) process.fail({ code: 'E_BOOM', message: 'boom' });
    return failing.failing;
  });
  assert.deepEqual(awaited(), [false, false, false, false]);
});

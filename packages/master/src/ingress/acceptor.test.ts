import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMasterConf } from '../conf/parse-conf.js';
import { MasterEvents } from '../events.js';
import { Acceptor } from './acceptor.js';
import type { Listener } from '../listeners/listener.js';
import type { Routes } from './acceptor.js';
import type { Connection, Ingress } from './connection.js';

const { limits } = parseMasterConf({ sites: [] }, { baseDir: '/' });

/** An acceptor whose sites are named by their hosts, and what becomes of connections. */
class Bench implements Routes {
  readonly log: string[] = [];
  readonly acceptor: Acceptor;

  constructor() {
    const events = new MasterEvents();
    for (const name of ['connection.refused', 'connection.redispatched', 'connection.handed-back'] as const) {
      events.on(name, (payload: object) => this.log.push(`${name} ${Object.values(payload).join(' ')}`));
    }
    this.acceptor = new Acceptor(this, limits, events);
  }

  leads(): boolean {
    return true;
  }

  lookup(_listenerKey: string, host: string | null): { ingress: Ingress } | undefined {
    return host === null ? undefined : { ingress: this.ingress(host) };
  }

  redirectOf(): number {
    return 443;
  }

  hostless(): { ingress: Ingress } | undefined {
    return { ingress: this.ingress('the only one') };
  }

  /** A listener's key is the name of its site here. */
  exclusive(listenerKey: string): { ingress: Ingress } | undefined {
    return listenerKey === 'l' ? undefined : { ingress: this.ingress(listenerKey) };
  }

  listenerOf(): undefined {}

  listening(): [] {
    return [];
  }

  ingress(name: string): Ingress {
    return {
      takesHandedBack: true,
      takesUnread: name !== 'maintained.test',
      stopped: name === 'stopped.test',
      look: () => undefined,
      serve: ({ head }) => void this.log.push(`${name} serves ${head}`),
    };
  }
}

/** A connection whose handle is closed without a word: its listener speaks TLS. */
function connection(host: string | null, more: Partial<Connection> = {}): Connection {
  const handle = { close: () => undefined } as Connection['handle'];
  const listener = { key: 'l', secure: true };
  return { handle, listener, head: 'hello', host, secure: true, handedBack: false, ...more };
}

test('a connection goes to the site of its host', () => {
  const bench = new Bench();
  bench.acceptor.accept(connection('a.test'));
  assert.deepEqual(bench.log, ['a.test serves hello']);
});

test('who asks for a host that nobody has is refused, unless somebody holds the connection', () => {
  const bench = new Bench();
  const held: Connection[] = [];
  const asks = connection(null);
  bench.acceptor.holdUnrouted = (one) => held.push(one) === 1;
  bench.acceptor.accept(asks);
  assert.deepEqual([held, bench.log, bench.acceptor.route(asks)], [[asks], [], false]);
  assert.equal(bench.acceptor.route(connection('a.test')), true);
  bench.acceptor.accept(connection(null));
  assert.deepEqual(bench.log, ['a.test serves hello', 'connection.refused l 421 no-site']);
});

test('a request in clear that would be sent on to TLS goes to a site that is stopped', () => {
  const bench = new Bench();
  const clear = { head: 'GET / HTTP/1.1\r\n\r\n', secure: false, listener: { key: 'l', secure: false } };
  bench.acceptor.accept(connection('stopped.test', clear));
  assert.deepEqual(bench.log, [`stopped.test serves ${clear.head}`]);
});

test('where workers accept, a client that waits to be spoken to gets a worker unread', (t) => {
  const bench = new Bench();
  t.after(() => bench.acceptor.close());
  const { handle } = connection(null);
  const listener = { key: 'a.test', secure: false } as Listener;
  bench.acceptor.peek(handle, listener);
  assert.deepEqual([bench.log, bench.acceptor.peekingCount], [['a.test serves '], 0]);
});

test('HTTP/2 in clear, which names no host, goes to the one that its listener has for that', () => {
  const bench = new Bench();
  const head = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const clear = { head, secure: false, listener: { key: 'l', secure: false } };
  bench.acceptor.accept(connection(null, clear));
  const returned = {
    why: 'lost',
    siteId: 'a',
    workerId: 'a/1',
    slot: 0,
    ingress: bench.ingress('a'),
    fenced: false,
  } as const;
  bench.acceptor.accept(connection(null, { ...clear, returned }));
  assert.deepEqual(bench.log, [
    `the only one serves ${head}`,
    'connection.redispatched a a/1 lost',
    `the only one serves ${head}`,
  ]);
});

test('a connection that is handed back with a request is for whoever has its host by now', () => {
  const bench = new Bench();
  const returned = {
    why: 'handed-back',
    siteId: 'a',
    workerId: 'a/1',
    slot: 0,
    ingress: bench.ingress('a'),
    fenced: false,
  } as const;
  bench.acceptor.accept(connection(null, { returned }));
  assert.deepEqual(bench.log, ['connection.handed-back a a/1', 'connection.refused l 421 no-site']);
});

test('what a worker that is not trusted has had is for its own site, and is not written to', () => {
  const bench = new Bench();
  const ingress = bench.ingress('the first');
  const back = { siteId: 'a', workerId: 'a/1', slot: 0, ingress, fenced: true };
  for (const why of ['unconfirmed', 'lost'] as const)
    bench.acceptor.accept(connection('b.test', { head: 'hello', returned: { ...back, why } }));
  bench.acceptor.accept(connection('b.test', { returned: { ...back, why: 'handed-back' }, head: '' }));
  let closedCount = 0;
  const handle = { ...connection(null).handle, close: () => (closedCount += 1) };
  const request = connection('b.test', { handle, head: 'hello', returned: { ...back, why: 'handed-back' } });
  bench.acceptor.accept(request);
  assert.equal(bench.acceptor.reroute(request, ingress), false);
  bench.acceptor.reject(request, 'no-worker');
  assert.equal(closedCount, 2);
  assert.deepEqual(
    bench.log.filter((line) => line.includes('serves')),
    ['the first serves hello', 'the first serves hello', 'the first serves '],
  );
});

test('what a worker returns is reported, and goes to whoever has its host by now, else to where it was', () => {
  const bench = new Bench();
  const back = { siteId: 'a', workerId: 'a/1', slot: 0, ingress: bench.ingress('the first'), fenced: false };
  for (const why of ['unconfirmed', 'lost', 'handed-back'] as const) {
    const head = why === 'handed-back' ? '' : 'hello';
    bench.acceptor.accept(connection('b.test', { head, returned: { ...back, why } }));
    bench.acceptor.accept(connection(null, { head, returned: { ...back, why } }));
  }
  assert.deepEqual(bench.log, [
    'connection.redispatched a a/1 unconfirmed',
    'b.test serves hello',
    'connection.redispatched a a/1 unconfirmed',
    'the first serves hello',
    'connection.redispatched a a/1 lost',
    'b.test serves hello',
    'connection.redispatched a a/1 lost',
    'the first serves hello',
    'connection.handed-back a a/1',
    'the first serves ',
    'connection.handed-back a a/1',
    'the first serves ',
  ]);
});

test('a hello that names no host is for the site of the address that it came to', () => {
  const bench = new Bench();
  const cases = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8::7', '[2001:db8::7]'],
  ] as const;
  for (const [address, host] of cases) {
    const getsockname = (out: { address?: string }): void => void (out.address = address);
    const handle = { close: () => undefined, getsockname } as unknown as Connection['handle'];
    bench.acceptor.accept(connection(null, { handle }));
    assert.equal(bench.log.pop(), `${host} serves hello`);
  }
});

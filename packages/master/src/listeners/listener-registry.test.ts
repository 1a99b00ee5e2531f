// Addresses that cover one another: who gets a connection, and what the kernel does not give.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Deferred, duplicate, nativeBind } from '@vhostd/transport';
import type { NativeHandle } from '@vhostd/transport';
import { MasterEvents } from '../events.js';
import type { Listener, ListenerAddress } from './listener.js';
import { ListenerRegistry } from './listener-registry.js';

class Bench {
  readonly registry: ListenerRegistry;
  readonly told: string[] = [];
  readonly #accepted: string[] = [];
  #wake: () => void = () => undefined;

  constructor(t: TestContext) {
    const events = new MasterEvents();
    for (const name of ['listener.opened', 'listener.closed'] as const) {
      events.on(name, ({ address }) => this.told.push(`${name.slice('listener.'.length)} ${address}`));
    }
    this.registry = new ListenerRegistry(events, undefined);
    this.registry.deliverTo((handle, listener) => {
      this.#accepted.push(listener.address.ipaddress ?? '*');
      handle.close();
      this.#wake();
    });
    t.after(() => this.registry.closeExcept(new Set()));
  }

  async open(...ipaddresses: string[]): Promise<Listener[]> {
    return await this.registry.open(ipaddresses.map((ipaddress) => addressOf(ipaddress, this.port)));
  }

  port = 0;

  /** Opens a port of the kernel's choice on this address, which is a named one from then on. */
  async begin(ipaddress: string): Promise<void> {
    const probe = await this.registry.open([addressOf(ipaddress, 0)]);
    this.port = probe[0]?.info.port ?? 0;
    this.registry.closeExcept(new Set());
    this.told.length = 0;
    await this.open(ipaddress);
  }

  /** The listener that got a connection to this address; undefined: it was closed. */
  async reached(host: string): Promise<string | undefined> {
    const client = connect({ host, port: this.port });
    client.on('error', () => undefined);
    await once(client, 'connect');
    const closed = once(client, 'close');
    const accepted = new Promise<void>((resolve) => (this.#wake = resolve));
    await Promise.race([closed, accepted]);
    client.destroy();
    return this.#accepted.shift();
  }

  keys(...listeners: Listener[]): Set<string> {
    return new Set(listeners.map(({ key }) => key));
  }
}

function addressOf(ipaddress: string, port: number): ListenerAddress {
  return { type: 'tcp', port, ...(ipaddress === '*' ? {} : { ipaddress }) };
}

test('the more exact address gets a connection, once a site is reached by it', async (t) => {
  const bench = new Bench(t);
  await bench.begin('0.0.0.0');
  bench.registry.route(() => true);
  const [exact] = await bench.open('127.0.0.1');
  assert.deepEqual(bench.told, ['opened 0.0.0.0', 'opened 127.0.0.1']);
  assert.equal(await bench.reached('127.0.0.1'), '0.0.0.0');
  bench.registry.route(() => true);
  assert.equal(await bench.reached('127.0.0.1'), '127.0.0.1');
  assert.equal(await bench.reached('127.0.0.2'), '0.0.0.0');
  assert.ok(exact);
  assert.equal(exact.info.port, bench.port);
});

test('an address is narrowed without being closed: what came in at others is closed from then on', async (t) => {
  const bench = new Bench(t);
  await bench.begin('*');
  const narrow = await bench.open('127.0.0.1');
  bench.registry.route((key) => key.startsWith('127'));
  bench.registry.closeExcept(bench.keys(...narrow));
  assert.equal(await bench.reached('127.0.0.1'), '127.0.0.1');
  assert.equal(await bench.reached('127.0.0.2'), undefined);
  // It is still there to be widened again.
  await bench.open('0.0.0.0');
  bench.registry.route(() => true);
  assert.equal(await bench.reached('127.0.0.2'), '0.0.0.0');
});

test('an address that covers an open one is refused, by a name of its own', async (t) => {
  const bench = new Bench(t);
  await bench.begin('127.0.0.1');
  await assert.rejects(
    bench.open('127.0.0.3', '0.0.0.0'),
    ({ code, message, info }: Record<string, unknown>) => {
      assert.equal(code, 'ERR_LISTEN_OVERLAP');
      assert.match(
        String(message),
        /of 0\.0\.0\.0 can't be opened while vhostd itself listens there on 127\.0\.0\.1/u,
      );
      assert.deepEqual((info as { keys: unknown }).keys, [`127.0.0.1|${bench.port}`]);
      return true;
    },
  );
  assert.deepEqual(
    bench.registry.list().map(({ key }) => key),
    [`127.0.0.1|${bench.port}`],
  );
});

test('of addresses that are asked for, or will be, the widest is opened first', async (t) => {
  const bench = new Bench(t);
  await bench.begin('127.0.0.1');
  bench.registry.closeExcept(new Set());
  assert.equal((await bench.open('127.0.0.1', '0.0.0.0')).length, 2);
  bench.registry.closeExcept(new Set());
  bench.registry.plan([addressOf('0.0.0.0', bench.port), addressOf('*', bench.port + 1)]);
  await bench.open('127.0.0.1');
  bench.registry.plan([]);
  await bench.open('0.0.0.0');
  bench.registry.route(() => true);
  assert.equal(await bench.reached('127.0.0.1'), '127.0.0.1');
  assert.equal(await bench.reached('127.0.0.2'), '0.0.0.0');
});

test('an end for good leaves nobody waiting at a socket, whoever else has it for a while', async (t) => {
  const waiting = 20;
  const bound = nativeBind('127.0.0.1', 0, 4);
  assert.ok(bound.handle !== undefined);
  const { handle, address, port } = bound;
  const copy = duplicate(handle as NativeHandle);
  if (copy === undefined) return t.skip('nothing makes a second handle here');
  const released = new Deferred<void>();
  const source = {
    acquire: () => Promise.resolve({ value: { key: 'one', address, port }, handle: copy }),
    release: async () => {
      connectAll();
      await released.promise;
      handle.close();
    },
  };
  const registry = new ListenerRegistry(new MasterEvents(), source);
  let acceptedCount = 0;
  registry.deliverTo((connection) => {
    acceptedCount += 1;
    connection.close();
  });
  await registry.open([addressOf('127.0.0.1', port)]);
  await new Promise(setImmediate);
  const connected: Promise<unknown>[] = [];
  const connectAll = (): void => {
    for (let count = 0; count < waiting; count += 1) {
      const client = connect({ host: '127.0.0.1', port });
      client.on('error', () => undefined);
      connected.push(once(client, 'connect'));
    }
  };
  const closed = registry.closeForGood(new Set(), LONG_MS);
  await Promise.all(connected);
  connectAll();
  // They are in the queue before it gets narrow.
  await new Promise((resolve) => process.nextTick(resolve));
  released.resolve();
  await closed;
  await Promise.all(connected);
  assert.equal(acceptedCount, 2 * waiting);
  assert.deepEqual(registry.list(), []);
  const late = connect({ host: '127.0.0.1', port });
  await assert.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' });
});

test('an end for good comes where clients come faster than they are accepted, and resets one of them at most', async () => {
  const registry = new ListenerRegistry(new MasterEvents(), undefined);
  registry.backlog = 64;
  const clients: Promise<'connected' | 'refused'>[] = [];
  let acceptedCount = 0;
  let port = 0;
  const come = (): void => {
    const client = connect({ host: '127.0.0.1', port });
    client.on('error', () => undefined);
    clients.push(
      once(client, 'connect').then(
        () => 'connected',
        () => 'refused',
      ),
    );
  };
  registry.deliverTo((connection) => {
    acceptedCount += 1;
    connection.close();
    if (acceptedCount < ENOUGH_COUNT) for (let count = 0; count < 2; count += 1) come();
  });
  const [listener] = await registry.open([addressOf('127.0.0.1', 0)]);
  port = listener?.info.port ?? 0;
  come();
  while (acceptedCount < 100) await new Promise(setImmediate);
  await registry.closeForGood(new Set(), LONG_MS);
  assert.ok(acceptedCount < ENOUGH_COUNT, 'they came until the end');
  const outcomes = await Promise.all(clients);
  const connectedCount = outcomes.filter((outcome) => outcome === 'connected').length;
  assert.ok(connectedCount - acceptedCount <= 1, `${connectedCount} got in, ${acceptedCount} were accepted`);
});

/** What only a hang takes. */
const LONG_MS = 120_000;

/** More than can come. */
const ENOUGH_COUNT = 100_000;

test('the last listener on a socket closes it', async (t) => {
  const bench = new Bench(t);
  await bench.begin('*');
  await bench.open('127.0.0.1');
  bench.registry.closeExcept(new Set());
  const client = connect({ host: '127.0.0.1', port: bench.port });
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
import type { Server } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { ListenQuery } from '../node/native-handle.js';
import { addressOf } from './fixtures/server-address.test.kit.js';
import { watchListens } from './listens.js';
import { rankOf, SiteServers } from './site-servers.js';
import type { SiteServersOptions } from './site-servers.js';

interface Scene {
  servers: SiteServers;
  /** The site's servers, in the order in which they were chosen. */
  chosen: Server[];
  others: { query: ListenQuery; shares: boolean }[];
}

function setScene(t: TestContext, options: Partial<SiteServersOptions> = {}): Scene {
  const scene: Omit<Scene, 'servers'> = { chosen: [], others: [] };
  const servers = new SiteServers({
    appPort: undefined,
    preferredPort: undefined,
    address: { address: '10.1.2.3', port: 80, family: 'IPv4' },
    // Never in this test, which decides by itself.
    grace: { begin: () => undefined, end: () => undefined },
    onChosen: ({ server }) => scene.chosen.push(server),
    onOther: (query, shares) => scene.others.push({ query, shares }),
    ...options,
  });
  const unwatch = watchListens({
    take: (server, query) => servers.take(server, query),
    onOther: () => undefined,
  });
  t.after(() => {
    unwatch();
    servers.decide();
  });
  return { servers, ...scene };
}

function listen(t: TestContext, port: number, host?: string): Server {
  const server = createServer().listen(port, host);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

/** A port on which nothing listens at this moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = addressOf(server);
  await once(server.close(), 'close');
  return port;
}

const at = (port: number, address: string | null = null): ListenQuery => ({ address, port, addressType: 4 });

void describe('the rank of a server', () => {
  const free = { appPort: undefined, preferredPort: undefined };

  void it('is that of the site on the appPort, and on no other', () => {
    const options = { appPort: 9100, preferredPort: 3000 };
    assert.equal(rankOf(at(9100, '127.0.0.1'), options), 'site');
    assert.equal(rankOf(at(3000), options), 'other');
  });

  void it('is that of the site on the port that the variable PORT says, else second', () => {
    const options = { appPort: undefined, preferredPort: 3000 };
    assert.equal(rankOf(at(3000, '127.0.0.1'), options), 'site');
    assert.equal(rankOf(at(8080), options), 'second');
  });

  void it('is second on loopback and where metrics customarily are', () => {
    for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])
      assert.equal(rankOf(at(3000, address), free), 'second', address);
    for (const port of [9000, 9464, 9999]) assert.equal(rankOf(at(port), free), 'second', String(port));
    for (const [port, address] of [
      [0, null],
      [8999, '0.0.0.0'],
      [10_000, '::'],
      [3000, '10.0.0.1'],
    ] as const)
      assert.equal(rankOf(at(port, address), free), 'site', String(port));
  });
});

void describe('the servers of a site', () => {
  void it('are the first one, and others that listen by themselves', async (t) => {
    const { chosen, others } = setScene(t);
    const site = listen(t, 1);
    assert.deepEqual(site.address(), { address: '::', port: 1, family: 'IPv6' });
    const other = listen(t, 0);
    assert.notEqual(addressOf(other).port, 0);
    await once(other, 'listening');
    assert.deepEqual(chosen, [site]);
    assert.deepEqual(
      others.map(({ shares }) => shares),
      [false],
    );
  });

  void it('that wait get the port that they asked for when another one is chosen', async (t) => {
    const port = await freePort();
    const { chosen } = setScene(t);
    const metrics = listen(t, port, '127.0.0.1');
    let listening = 0;
    metrics.on('listening', () => listening++);
    await once(metrics, 'listening');
    assert.deepEqual(addressOf(metrics), { address: '127.0.0.1', port, family: 'IPv4' });
    const site = listen(t, 1);
    const answer = await fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(50) }).catch(
      (error: unknown) => (error instanceof Error ? error.name : ''),
    );
    // It is connected, and nobody answers: the server has no listener.
    assert.equal(answer, 'TimeoutError');
    assert.deepEqual(chosen, [site]);
    assert.deepEqual(addressOf(metrics), { address: '127.0.0.1', port, family: 'IPv4' });
    assert.equal(listening, 1);
  });

  void it('that wait fail as by themselves when their port is taken', async (t) => {
    const port = await freePort();
    const { chosen } = setScene(t);
    const metrics = listen(t, port, '127.0.0.1');
    const failed = once(metrics, 'error');
    const blocker = createTcp().listen(port, '127.0.0.1');
    t.after(() => blocker.close());
    await once(blocker, 'listening');
    const site = listen(t, 1);
    assert.deepEqual(chosen, [site]);
    assert.equal(((await failed)[0] as NodeJS.ErrnoException).code, 'EADDRINUSE');
    assert.equal(metrics.listening, false);
  });

  void it('that wait are chosen when nothing better comes, one of metrics last', async (t) => {
    const { servers, chosen } = setScene(t);
    // Another process of the machine may have that port.
    const metrics = listen(t, 9464).on('error', () => undefined);
    const app = listen(t, 3000, '127.0.0.1');
    await once(app, 'listening');
    servers.decide();
    assert.deepEqual(chosen, [app]);
    assert.equal(metrics.listening, true);
    servers.decide();
    assert.deepEqual(chosen, [app]);
  });

  void it('are the one that the code names, whatever listened before', async (t) => {
    const port = await freePort();
    const { servers, chosen, others } = setScene(t);
    const first = listen(t, port);
    const named = createServer();
    servers.name(named);
    servers.name(named);
    t.after(() => named.close());
    assert.deepEqual(chosen, [first, named]);
    assert.deepEqual(
      others.map(({ query }) => query.port),
      [port],
    );
    assert.deepEqual(addressOf(named), { address: '10.1.2.3', port: 80, family: 'IPv4' });
    assert.equal(
      await fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(50) }).catch(() => 0),
      0,
    );
    assert.equal(first.listening, true);
  });

  void it('have their address for themselves, until they are closed', async (t) => {
    const { servers, chosen, others } = setScene(t);
    const site = listen(t, 1);
    assert.equal(servers.take(createServer(), at(1)), false);
    assert.equal(servers.take(createServer(), at(1, '::')), false);
    assert.deepEqual([chosen, others], [[site], []]);
    await once(site.close(), 'close');
    assert.equal(servers.take(createServer(), at(1)), true);
  });

  void it('may ask for the port of the site again, and get no port for it', async (t) => {
    const { chosen, others } = setScene(t);
    const site = listen(t, 3000);
    const second = listen(t, 3000, '127.0.0.2');
    await once(second, 'listening');
    assert.deepEqual(chosen, [site]);
    assert.deepEqual(
      others.map(({ shares }) => shares),
      [true],
    );
    assert.equal(second.listening, true);
  });
});

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { next } from '../intake/fixtures/next-event.test.kit.js';
import { connectRaw } from '../intake/fixtures/raw-client.test.kit.js';
import type { RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { acceptFor, serve } from '../intake/fixtures/serving.test.kit.js';
import { IdleArrivals } from './idle-arrivals.js';

/** A machine that lets this process wait for half of it, at the wrong moment, has the server answer 408. */
const HEADERS_TIMEOUT_MS = 2000;
const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

interface Scene {
  server: HttpServer;
  client: RawClient;
  socket: Socket;
  /** Connections that the server was given. */
  given: Socket[];
}

/** A server that has just been given a connection which was idle elsewhere. */
async function setScene(t: TestContext, options: object, limits: Partial<HttpServer>): Promise<Scene> {
  const server = createServer(options, (_request, response) => response.end('answer'));
  Object.assign(server, limits);
  const given: Socket[] = [];
  server.on('connection', (socket) => given.push(socket));
  const { adopted } = await serve(t, 'adopted', server);
  const take = (handle: Parameters<NonNullable<typeof adopted>['inject']>[0], idleMs: number): void => {
    const socket = adopted?.accept(handle);
    if (socket !== undefined) arrivals.add(server, socket, idleMs);
  };
  const arrivals = new IdleArrivals(take);
  const connected = next<[Socket]>(server, 'connection');
  const client = await connectRaw(t, await acceptFor((handle) => take(handle, 0), 'nothing'));
  const [socket] = await connected;
  return { server, client, socket, given };
}

void describe('a connection that was idle in another worker', () => {
  void it('is closed in silence after keepAliveTimeout', async (t) => {
    const { client } = await setScene(t, {}, { keepAliveTimeout: 50 });
    await client.closed;
    assert.equal(client.text, '');
  });

  void it('belongs to the listener of timeout where the server has one', async (t) => {
    const { server, socket } = await setScene(t, {}, { keepAliveTimeout: 50 });
    const [late] = await next<[Socket]>(server, 'timeout');
    assert.equal(late, socket);
    assert.equal(socket.destroyed, false);
  });

  void it('has the time limit of any other connection from its next request on', async (t) => {
    const limitsMs = { keepAliveTimeout: 77_000, timeout: 99_000 };
    const { server, client, socket } = await setScene(t, {}, limitsMs);
    assert.ok((socket.timeout ?? 0) >= 77_000 && (socket.timeout ?? 0) < 80_000);
    const limits: unknown[] = [];
    server.prependListener('request', () => limits.push(socket.timeout));
    client.send(GET);
    await client.until(/answer$/);
    assert.deepEqual(limits, [99_000]);
  });

  void it('is not closed while its first request is in work', async (t) => {
    const { server, client } = await setScene(t, {}, { keepAliveTimeout: 50 });
    server.removeAllListeners('request');
    server.on('request', (_request, response) => setTimeout(() => response.end('late answer'), 2500));
    client.send(GET);
    await client.until(/late answer$/);
  });

  void it('gets no 408, however long it is idle, and is served then', async (t) => {
    const options = { connectionsCheckingInterval: 20 };
    const { server, client, given } = await setScene(t, options, {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    });
    // The server gets it anew whenever half of the limit has passed.
    while (given.length < 4) await next(server, 'connection');
    assert.deepEqual([client.text, client.socket.destroyed], ['', false]);
    client.send(GET);
    await client.until(/answer$/);
  });

  void it('is closed when keepAliveTimeout has passed, though the server got it anew meanwhile', async (t) => {
    const options = { connectionsCheckingInterval: 20 };
    const limits = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0,
      keepAliveTimeout: 1.5 * HEADERS_TIMEOUT_MS,
      keepAliveTimeoutBuffer: 0,
    };
    const { client } = await setScene(t, options, limits);
    await client.closed;
    assert.equal(client.text, '');
  });
});

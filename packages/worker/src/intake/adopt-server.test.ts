import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect, createServer as createTcp } from 'node:net';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { TcpHandle } from '../node/native-handle.js';
import type { AdoptedServer } from './adopt-server.js';
import { adoptServer } from './adopt-server.js';
import { next } from './fixtures/next-event.test.kit.js';
import { connectRaw } from './fixtures/raw-client.test.kit.js';
import { acceptFor, destroyAfter, serve } from './fixtures/serving.test.kit.js';
import { addressOf } from './fixtures/server-address.test.kit.js';
import type { ListenAddress } from './listening-handle.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const ADDRESS: ListenAddress = { address: '10.1.2.3', port: 80, family: 'IPv4' };

/** A port held by this test, so that binding it would fail. */
async function takenPort(t: TestContext): Promise<number> {
  const server = createTcp();
  server.listen(0);
  t.after(() => server.close());
  await once(server, 'listening');
  return addressOf(server).port;
}

function countListening(server: Server): () => number {
  let count = 0;
  server.on('listening', () => count++);
  return () => count;
}

/** Two rounds of the event loop: whatever was going to be emitted on a next tick has been. */
async function settled(): Promise<void> {
  await promisify(setImmediate)();
  await promisify(setImmediate)();
}

void describe('an adopted server', () => {
  void it('listens at the given address and says so once', async () => {
    const server = createServer();
    const listeningCount = countListening(server);
    adoptServer(server, { address: ADDRESS });
    assert.equal(server.listening, true);
    assert.deepEqual(server.address(), ADDRESS);
    await settled();
    assert.equal(listeningCount(), 1);
    server.ref().unref();
    await promisify(server.close.bind(server))();
  });

  void it('takes a listen call of the site in the same tick without binding', async (t) => {
    const port = await takenPort(t);
    const server = createServer();
    const listeningCount = countListening(server);
    adoptServer(server, { address: ADDRESS });
    let calledBack = 0;
    server.listen(port, () => calledBack++);
    await settled();
    assert.deepEqual([calledBack, listeningCount()], [1, 1]);
    assert.deepEqual(server.address(), ADDRESS);
  });

  void it('takes a listen call of the site later without binding', async (t) => {
    const server = createServer();
    adoptServer(server, { address: ADDRESS });
    await once(server, 'listening');
    const listeningCount = countListening(server);
    let calledBack = 0;
    server.listen({ port: await takenPort(t), host: '0.0.0.0' }, () => calledBack++);
    await settled();
    assert.deepEqual([calledBack, listeningCount()], [1, 1]);
    assert.throws(() => server.listen(0), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    assert.deepEqual(server.address(), ADDRESS);
  });

  void it('calls back to a listen call from within a listening listener', async () => {
    const server = createServer();
    adoptServer(server, { address: ADDRESS });
    await new Promise<void>((resolve) => {
      server.once('listening', () => server.listen(80, resolve));
    });
  });

  void it('gives up the port on which the site listened, and keeps its connections', async (t) => {
    const server = createServer((_request, response) => response.end('done'));
    destroyAfter(t, server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = addressOf(server);
    const client = await connectRaw(t, port);
    client.send(GET);
    await client.until(/done$/);
    const listeningCount = countListening(server);
    const adopted = adoptServer(server, { address: ADDRESS });
    await settled();
    assert.equal(listeningCount(), 0);
    assert.deepEqual(server.address(), ADDRESS);
    assert.equal(adopted.connectionCount(), 1);
    const refused = connect(port, '127.0.0.1');
    const [error] = await next<[Error & { code: string }]>(refused, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
    assert.throws(() => server.listen(0), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    client.send(GET);
    await client.until(/done[^]*done$/);
    const again = await acceptFor((handle, head) => adopted.inject(handle, head), 'head');
    const second = await connectRaw(t, again);
    second.send(GET);
    await second.until(/done$/);
  });

  void it('outdates a listen call that still looks up its host', async () => {
    const server = createServer();
    const listeningCount = countListening(server);
    server.listen(0, 'localhost');
    adoptServer(server, { address: ADDRESS });
    await once(server, 'listening');
    const lookup = createServer().listen(0, 'localhost');
    await once(lookup, 'listening');
    lookup.close();
    assert.equal(listeningCount(), 1);
    assert.deepEqual(server.address(), ADDRESS);
  });

  void it('refuses connections once closed, and takes them after another listen', async (t) => {
    const server = createServer((_request, response) => response.end('done'));
    const { port, adopted } = await serve(t, 'adopted', server);
    await promisify(server.close.bind(server))();
    const refused = await connectRaw(t, port);
    refused.send(GET);
    await refused.closed;
    assert.equal(refused.text, '');
    server.listen(await takenPort(t));
    await once(server, 'listening');
    const client = await connectRaw(t, port);
    client.send(GET);
    await client.until(/done$/);
    assert.equal(adopted?.connectionCount(), 1);
  });

  void it('goes on while its close is put off, and may listen again meanwhile', async () => {
    const server = createServer();
    const adopted = adoptServer(server, { address: ADDRESS });
    await once(server.listen(1), 'listening');
    adopted.onClose = () => true;
    let closedCount = 0;
    server.close(() => closedCount++);
    assert.deepEqual([adopted.isListening(), adopted.holdsPort()], [true, false]);
    await once(server.listen(1), 'listening');
    assert.deepEqual([adopted.isListening(), adopted.holdsPort(), closedCount], [true, true, 0]);
    assert.throws(() => server.listen(1), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    adopted.onClose = undefined;
    await once(server.close(), 'close');
    assert.equal(closedCount, 1);
  });

  void it('says once that it is closed where who is asked closes it', async () => {
    const server = createServer();
    const adopted = adoptServer(server, { address: ADDRESS });
    await once(server.listen(1), 'listening');
    adopted.onClose = () => {
      adopted.onClose = undefined;
      server.close();
      return false;
    };
    let closedCount = 0;
    server.on('close', () => closedCount++);
    await promisify(server.close.bind(server))();
    await settled();
    assert.equal(closedCount, 1);
  });

  void it('closes when the signal of a listen call aborts', async () => {
    const server = createServer();
    adoptServer(server, { address: ADDRESS });
    const controller = new AbortController();
    server.listen({ port: 0, signal: controller.signal });
    await settled();
    controller.abort();
    await once(server, 'close');
    server.listen({ port: 0, signal: AbortSignal.abort() });
    await once(server, 'close');
    assert.equal(server.listening, false);
  });

  void it('counts each opening and closing connection at once', async (t) => {
    const server = createTcp();
    const { port, adopted } = await serve(t, 'adopted', server, 'nothing');
    assert.ok(adopted);
    const counts: number[] = [];
    adopted.onConnectionCountChange = (count) => counts.push(count);
    const sockets: Socket[] = [];
    for (let index = 0; index < 3; index++) {
      const connected = next<[Socket]>(server, 'connection');
      await connectRaw(t, port);
      sockets.push((await connected)[0]);
    }
    assert.equal(adopted.connectionCount(), 3);
    for (const socket of sockets) socket.destroy();
    assert.equal(adopted.connectionCount(), 0);
    assert.deepEqual(counts, [1, 2, 3, 2, 1, 0]);
  });

  void it('gets a head larger than the stream buffer before all that follows it', async (t) => {
    const server = createTcp();
    let adopted: AdoptedServer | undefined;
    const long = Buffer.from(Array.from({ length: 40_000 }, (_, index) => `${index},`).join(''));
    const port = await acceptFor((handle, head) => {
      adopted?.inject(handle, Buffer.concat([head ?? Buffer.alloc(0), long]));
    }, 'bytes');
    adopted = adoptServer(server, { address: { ...ADDRESS, port } });
    destroyAfter(t, server);
    const received = new Promise<string>((resolve) => {
      server.on('connection', (socket) => {
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString('latin1')));
        socket.on('end', () => resolve(text));
      });
    });
    const client = await connectRaw(t, port);
    const connected = once(server, 'connection');
    client.send('begin,');
    await connected;
    client.socket.end('end');
    assert.equal(await received, `begin,${long.toString()}end`);
  });

  void it('lets a throwing listener cause an uncaught exception, not an exception of accept', async (t) => {
    const server = createTcp();
    let injected: Socket | undefined | string = 'not called';
    let adopted: AdoptedServer | undefined;
    const port = await acceptFor((handle) => {
      injected = adopted?.accept(handle);
    }, 'nothing');
    adopted = adoptServer(server, { address: { ...ADDRESS, port } });
    destroyAfter(t, server);
    server.on('connection', () => {
      throw new Error('of the site');
    });
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const thrown = next<[Error]>(process, 'uncaughtException');
    await connectRaw(t, port);
    const [error] = await thrown;
    for (const listener of listeners) process.on('uncaughtException', listener);
    assert.equal(error.message, 'of the site');
    assert.equal(adopted.connectionCount(), 1);
    assert.equal(typeof injected, 'object');
    assert.equal(server.listenerCount('connection'), 2);
  });

  void it('closes the handle of a connection that it refuses', () => {
    const server = createTcp();
    const adopted = adoptServer(server, { address: ADDRESS });
    server.close();
    let closedCount = 0;
    const handle: TcpHandle = { close: () => closedCount++ };
    assert.equal(adopted.accept(handle), undefined);
    assert.equal(closedCount, 1);
  });

  void it('can be adopted once, and again after its release', async (t) => {
    const server = createServer();
    const adopted = adoptServer(server, { address: ADDRESS });
    assert.throws(() => adoptServer(server, { address: ADDRESS }), { code: 'ERR_SERVER_ADOPTED' });
    adopted.release();
    adopted.release();
    let closedCount = 0;
    assert.equal(adopted.accept({ close: () => closedCount++ }), undefined);
    assert.equal(closedCount, 1);
    assert.equal(Object.hasOwn(server, 'listen'), false);
    assert.throws(() => server.listen(0), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    await promisify(server.close.bind(server))();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    assert.equal(addressOf(server).address, '127.0.0.1');
    const second = adoptServer(server, { address: ADDRESS });
    t.after(() => server.close());
    assert.equal(second.isListening(), true);
  });
});

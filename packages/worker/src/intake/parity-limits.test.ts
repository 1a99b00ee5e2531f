// The same misbehaving clients at a listening and at an adopted server: every limit that Node has applies.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { next } from './fixtures/next-event.test.kit.js';
import { connectRaw } from './fixtures/raw-client.test.kit.js';
import { MODES, serve } from './fixtures/serving.test.kit.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const QUICK: ServerOptions = { connectionsCheckingInterval: 20, headersTimeout: 80, requestTimeout: 160 };

for (const mode of MODES) {
  void describe(`limits of a server that is ${mode}`, () => {
    void it('answers 408 when the head does not end within headersTimeout', async (t) => {
      const { port } = await serve(t, mode, createServer(QUICK), 'bytes');
      const client = await connectRaw(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a.');
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 408/);
    });

    void it('answers 408 when the body does not end within requestTimeout', async (t) => {
      const { port } = await serve(t, mode, createServer(QUICK));
      const client = await connectRaw(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhalf');
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 408/);
    });

    void it('answers 408 to a client that never sends a byte', async (t) => {
      const { port } = await serve(t, mode, createServer(QUICK), 'nothing');
      const client = await connectRaw(t, port);
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 408/);
    });

    void it('emits clientError for a timeout instead, when somebody listens', async (t) => {
      const server = createServer(QUICK);
      const { port } = await serve(t, mode, server, 'bytes');
      const failed = next<[Error & { code: string }, Socket]>(server, 'clientError');
      const client = await connectRaw(t, port);
      client.send('GET');
      const [error, socket] = await failed;
      assert.equal(error.code, 'ERR_HTTP_REQUEST_TIMEOUT');
      assert.equal(client.text, '');
      socket.end('ours');
      await client.closed;
      assert.equal(client.text, 'ours');
    });

    void it('closes an idle connection after keepAliveTimeout', async (t) => {
      const server = createServer({ keepAliveTimeout: 40 }, (_request, response) => response.end('done'));
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      client.send(GET);
      await client.closed;
      assert.match(client.text, /done$/);
    });

    void it('emits timeout for a silent connection and closes it', async (t) => {
      const server = createServer();
      server.timeout = 40;
      const { port } = await serve(t, mode, server, 'nothing');
      const client = await connectRaw(t, port);
      await client.closed;
      assert.equal(client.text, '');
    });

    void it('answers 431 to a head above maxHeaderSize', async (t) => {
      const { port } = await serve(t, mode, createServer({ maxHeaderSize: 4096 }));
      const client = await connectRaw(t, port);
      client.send(GET.replace('\r\n\r\n', `\r\nX-Long: ${'x'.repeat(9000)}\r\n\r\n`));
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 431/);
    });

    void it('answers 503 behind maxRequestsPerSocket and emits dropRequest', async (t) => {
      const server = createServer((_request, response) => response.end('done'));
      server.maxRequestsPerSocket = 2;
      let droppedCount = 0;
      server.on('dropRequest', () => droppedCount++);
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      client.send(GET.repeat(3));
      await client.until(/HTTP\/1.1 503/);
      assert.equal(client.text.match(/HTTP\/1.1 200/g)?.length, 2);
      assert.equal(droppedCount, 1);
    });

    void it('drops connections beyond maxConnections and takes them again when there is room', async (t) => {
      const server = createServer((_request, response) => response.end('done'));
      server.maxConnections = 2;
      const { port, adopted } = await serve(t, mode, server, 'bytes');
      const [first, second] = [await connectRaw(t, port), await connectRaw(t, port)];
      for (const client of [first, second]) {
        client.send(GET);
        await client.until(/done$/);
      }
      const dropped = next<[Record<string, unknown>]>(server, 'drop');
      const third = await connectRaw(t, port);
      third.send(GET);
      const [data] = await dropped;
      assert.equal(data['remotePort'], third.socket.localPort);
      assert.equal(data['localPort'], port);
      assert.equal(data['remoteAddress'], '127.0.0.1');
      await third.closed;
      assert.equal(third.text, '');
      if (adopted !== undefined) assert.equal(adopted.connectionCount(), 2);

      const gone = new Promise<void>((resolve) => {
        server.on('request', ({ socket }) => socket.once('close', () => resolve()));
      });
      first.send(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
      await Promise.all([gone, first.closed]);
      const fourth = await connectRaw(t, port);
      fourth.send(GET);
      await fourth.until(/done$/);
    });
  });
}

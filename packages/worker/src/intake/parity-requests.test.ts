// The same requests to a listening and to an adopted server: what arrives, in which order, and what it shows.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer as createHttp2, connect as connectHttp2 } from 'node:http2';
import { createServer as createTcp } from 'node:net';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { next } from './fixtures/next-event.test.kit.js';
import { connectRaw } from './fixtures/raw-client.test.kit.js';
import { MODES, serve } from './fixtures/serving.test.kit.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

async function sha256(request: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  await next(request, 'end');
  return hash.digest('hex');
}

for (const mode of MODES) {
  void describe(`requests to a server that is ${mode}`, () => {
    void it('answers pipelined requests in their order', async (t) => {
      const server = createServer((request, response) => response.end(`<${request.url}>`));
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      const urls = Array.from({ length: 20 }, (_, index) => `/${index}`);
      client.send(urls.map((url) => GET.replace('/', url)).join(''));
      const text = await client.until(/<\/19>/);
      assert.deepEqual(text.match(/(?<=<)\/\d+(?=>)/g), urls);
    });

    void it('gets a body of 1 MB that follows its head at once', async (t) => {
      const server = createServer((request, response) => {
        void sha256(request).then((hash) => response.end(hash));
      });
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      const body = randomBytes(1 << 20);
      const head = `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n`;
      client.send(Buffer.concat([Buffer.from(head), body]));
      const text = await client.until(/[0-9a-f]{64}/);
      assert.equal(text.slice(-64), createHash('sha256').update(body).digest('hex'));
    });

    void it('gets a head that comes in pieces, some of them before the hand-over', async (t) => {
      const server = createServer((request, response) =>
        response.end(`${request.headers['x-long']?.length}`),
      );
      const { port } = await serve(t, mode, server, 'bytes');
      const connected = once(server, 'connection');
      const client = await connectRaw(t, port);
      client.send('GET / HTTP/1.1\r\nHo');
      await connected;
      client.send('st: a.test\r\nX-Long: ');
      client.send('x'.repeat(9000));
      client.send('\r\n\r\n');
      assert.match(await client.until(/9000$/), /^HTTP\/1.1 200/);
    });

    void it('keeps the connection for further requests and emits connection once', async (t) => {
      const server = createServer((request, response) => response.end(`<${request.url}>`));
      let connectionCount = 0;
      server.on('connection', () => connectionCount++);
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      for (const url of ['/1', '/2', '/3']) {
        client.send(GET.replace('/', url));
        await client.until(new RegExp(`<${url}>`));
      }
      assert.equal(connectionCount, 1);
    });

    void it('knows the addresses of both ends', async (t) => {
      const server = createServer(({ socket }, response) => {
        const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket;
        response.end(JSON.stringify({ remoteAddress, remotePort, remoteFamily, localAddress, localPort }));
      });
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      client.send(GET);
      const text = await client.until(/\}/);
      assert.deepEqual(JSON.parse(text.slice(text.indexOf('{'))), {
        remoteAddress: '127.0.0.1',
        remotePort: client.socket.localPort,
        remoteFamily: 'IPv4',
        localAddress: '127.0.0.1',
        localPort: port,
      });
      assert.deepEqual(server.address(), { address: '127.0.0.1', port, family: 'IPv4' });
    });

    void it('emits upgrade with the bytes behind the head', async (t) => {
      const server = createServer();
      server.on('upgrade', (_request, socket: Socket, head: Buffer) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
        if (head.length > 0) socket.write(head);
        socket.pipe(socket);
      });
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      const upgrade =
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
      client.send(`GET /chat HTTP/1.1\r\nHost: a.test\r\n${upgrade}first frame,`);
      await client.until(/first frame,$/);
      client.send('second frame');
      assert.match(
        await client.until(/second frame$/),
        /^HTTP\/1.1 101[^]*\r\n\r\nfirst frame,second frame$/,
      );
    });

    void it('answers an upgrade that nobody listens for as any request', async (t) => {
      const server = createServer((_request, response) => response.end('plain'));
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      client.send(GET.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: h9\r\n\r\n'));
      assert.match(await client.until(/plain$/), /^HTTP\/1.1 200/);
    });

    void it('sends 100 Continue by itself, and leaves it to a checkContinue listener', async (t) => {
      const server = createServer((request, response) => {
        void sha256(request).then((hash) => response.end(hash.slice(0, 8)));
      });
      const { port } = await serve(t, mode, server);
      const expecting =
        'POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n';
      const client = await connectRaw(t, port);
      client.send(expecting);
      await client.until(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
      client.send('abc');
      await client.until(/ba7816bf$/);
      server.on('checkContinue', (_request, response) => response.writeHead(413).end('too big'));
      client.send(expecting);
      await client.until(/HTTP\/1.1 413[^]*too big/);
    });

    void it('answers late to a client that has closed its half, if it allows that', async (t) => {
      const server = createServer((request, response) => {
        request.resume().once('end', () => setTimeout(() => response.end('late answer'), 60));
      });
      Reflect.set(server, 'httpAllowHalfOpen', true);
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port, true);
      client.socket.end(GET);
      assert.match(await client.until(/late answer/), /^HTTP\/1.1 200/);
    });

    void it('does not answer a half-closed client otherwise', async (t) => {
      const server = createServer((request, response) => {
        request.socket.once('end', () => setImmediate(() => response.end('late answer')));
      });
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port, true);
      client.socket.end(GET);
      await once(client.socket, 'end');
      assert.equal(client.text, '');
    });

    void it('follows allowHalfOpen of a net server', async (t) => {
      const server = createTcp({ allowHalfOpen: true }, (socket) => {
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString()));
        socket.on('end', () => setTimeout(() => socket.end(`got ${text}`), 30));
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const client = await connectRaw(t, port, true);
      client.socket.end('all there is');
      await client.closed;
      assert.equal(client.text, 'got all there is');
    });

    void it('sets noDelay and keepAlive as its options say', async (t) => {
      for (const options of [{}, { noDelay: false }, { keepAlive: true, keepAliveInitialDelay: 7000 }]) {
        const server = createServer(options);
        const { port } = await serve(t, mode, server, 'nothing');
        const connected = next<[Socket]>(server, 'connection');
        await connectRaw(t, port);
        const [socket] = await connected;
        assert.equal(flagOf(socket, 'kSetNoDelay'), options.noDelay !== false);
        assert.equal(flagOf(socket, 'kSetKeepAlive'), options.keepAlive === true);
      }
    });

    void it('speaks HTTP/2 in clear', async (t) => {
      const server = createHttp2();
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200 });
        stream.pipe(stream);
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      t.after(() => session.destroy());
      const body = randomBytes(200_000);
      const stream = session.request({ ':method': 'POST' });
      stream.end(body);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      await next(stream, 'end');
      assert.ok(Buffer.concat(chunks).equals(body));
    });
  });
}

/** What net.Socket noted when the option was set on its handle. */
function flagOf(socket: Socket, description: string): boolean {
  const symbol = Object.getOwnPropertySymbols(socket).find((own) => own.description === description);
  assert.ok(symbol, `net.Socket has no ${description}`);
  return Reflect.get(socket, symbol) === true;
}

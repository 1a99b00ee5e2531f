// TLS servers of the site's own, listening and adopted: the handed-over bytes are the ClientHello.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createSecureServer, connect as connectHttp2 } from 'node:http2';
import { createServer as createHttps, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { connect as connectTls, createServer as createTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { next } from './fixtures/next-event.test.kit.js';
import { RawClient, connectRaw } from './fixtures/raw-client.test.kit.js';
import { selfSigned } from './fixtures/self-signed.test.kit.js';
import { MODES, serve } from './fixtures/serving.test.kit.js';

const identity = await selfSigned('a.test');
const trusted = { ca: identity.cert, servername: 'a.test', host: '127.0.0.1' };

for (const mode of MODES) {
  void describe(`a TLS server that is ${mode}`, () => {
    void it('serves https, a body of 1 MB included', async (t) => {
      const server = createHttps(identity, (incoming, response) => {
        const hash = createHash('sha256');
        incoming.on('data', (chunk: Buffer) => hash.update(chunk));
        incoming.on('end', () => response.end(hash.digest('hex')));
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const body = randomBytes(1 << 20);
      const outgoing = request({ ...trusted, port, method: 'POST', agent: false });
      outgoing.end(body);
      const [incoming] = await next<[IncomingMessage & { socket: TLSSocket }]>(outgoing, 'response');
      let text = '';
      for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
      assert.equal(text, createHash('sha256').update(body).digest('hex'));
      assert.equal(incoming.socket.authorized, true);
    });

    void it('serves HTTP/2 by ALPN, and HTTP/1 beside it', async (t) => {
      const server = createSecureServer({ ...identity, allowHTTP1: true }, (incoming, response) => {
        response.end(`over ${incoming.httpVersion}`);
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const session = connectHttp2(`https://a.test:${port}`, trusted);
      t.after(() => session.destroy());
      const stream = session.request({ ':path': '/' }).setEncoding('utf8');
      let text = '';
      for await (const chunk of stream) text += chunk;
      assert.equal(text, 'over 2.0');
      assert.equal(session.alpnProtocol, 'h2');

      const socket = connectTls({ ...trusted, port, ALPNProtocols: ['http/1.1'] });
      t.after(() => socket.destroy());
      const client = new RawClient(socket);
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await client.until(/over 1\.1/);
    });

    void it('counts a connection from before its handshake, and close waits for it', async (t) => {
      const server = createHttps(identity, (_incoming, response) => response.end('done'));
      const { port } = await serve(t, mode, server, 'nothing');
      const connected = once(server, 'connection');
      const socket = connectTcp(port, '127.0.0.1');
      t.after(() => socket.destroy());
      await connected;
      assert.equal(await promisify(server.getConnections.bind(server))(), 1);
      const closed = once(server, 'close');
      server.close();
      const secure = new RawClient(connectTls({ ...trusted, socket }));
      secure.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
      await secure.until(/done/);
      await closed;
    });

    void it('gives up on a handshake that never comes', async (t) => {
      const server = createHttps({ ...identity, handshakeTimeout: 50 });
      const { port } = await serve(t, mode, server, 'nothing');
      const failed = next<[Error & { code: string }]>(server, 'tlsClientError');
      const client = await connectRaw(t, port);
      const [error] = await failed;
      assert.equal(error.code, 'ERR_TLS_HANDSHAKE_TIMEOUT');
      await client.closed;
    });

    void it('reports what is no TLS at all as tlsClientError', async (t) => {
      const server = createHttps(identity);
      const { port } = await serve(t, mode, server, 'bytes');
      const failed = once(server, 'tlsClientError');
      const client = await connectRaw(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await failed;
      await client.closed;
    });

    void it('echoes over plain TLS, whatever the pieces of the ClientHello', async (t) => {
      const server = createTls(identity, (socket) => socket.pipe(socket));
      const { port } = await serve(t, mode, server, 'bytes');
      const connected = once(server, 'connection');
      const secure = connectTls({ ...trusted, socket: inPieces(connectTcp(port, '127.0.0.1'), connected) });
      t.after(() => secure.destroy());
      const client = new RawClient(secure);
      client.send('echo this');
      await client.until(/echo this$/);
    });
  });
}

/** What is written first goes out as one byte, then, once `connected`, a hundred more, then the rest. */
function inPieces(socket: Socket, connected: Promise<unknown>): Duplex {
  let first = true;
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      if (!first) {
        socket.write(chunk, done);
        return;
      }
      first = false;
      socket.setNoDelay(true).write(chunk.subarray(0, 1));
      void connected.then(() => {
        socket.write(chunk.subarray(1, 100));
        setImmediate(() => socket.write(chunk.subarray(100), done));
      });
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => stream.push(chunk));
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  return stream;
}

// A plain server behind its secure front is compared with an https server that listens: same assertions.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { TLSSocket, connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import type { AdoptedServer } from './adopt-server.js';
import { adoptServer } from './adopt-server.js';
import { next } from './fixtures/next-event.test.kit.js';
import { RawClient, connectRaw } from './fixtures/raw-client.test.kit.js';
import { selfSigned } from './fixtures/self-signed.test.kit.js';
import type { SelfSigned } from './fixtures/self-signed.test.kit.js';
import { acceptFor, destroyAfter, serve } from './fixtures/serving.test.kit.js';
import type { Peek } from './fixtures/acceptor.test.kit.js';
import type { SecureFront } from './secure-front.js';
import { createSecureFront } from './secure-front.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const UPGRADE = GET.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
const identity = await selfSigned('a.test');

interface Scene {
  server: Server;
  port: number;
  front?: SecureFront;
  adopted?: AdoptedServer;
}

/** Adopts `server` and accepts TLS connections for its front. */
async function serveBehindFront(t: TestContext, server: Server, peek: Peek): Promise<Required<Scene>> {
  destroyAfter(t, server);
  const front = createSecureFront(server, [{ host: 'a.test', ...identity }]);
  const port = await acceptFor((handle, head) => front.inject(handle, head), peek);
  const adopted = adoptServer(server, { address: { address: '127.0.0.1', port, family: 'IPv4' } });
  return { server, port, front, adopted };
}

const KINDS = {
  'an https server': async (t: TestContext, options: ServerOptions, peek: Peek = 'bytes'): Promise<Scene> => {
    const server = createHttps({ ...identity, ...options });
    const { port } = await serve(t, 'listening', server, peek);
    return { server, port };
  },
  'a plain server behind a secure front': (
    t: TestContext,
    options: ServerOptions,
    peek: Peek = 'bytes',
  ): Promise<Scene> => serveBehindFront(t, createServer(options), peek),
};

async function connectSecure(
  t: TestContext,
  port: number,
  servername = 'a.test',
  { cert }: SelfSigned = identity,
): Promise<RawClient> {
  const socket = connectTls({ port, host: '127.0.0.1', servername, ca: cert, rejectUnauthorized: false });
  t.after(() => socket.destroy());
  const client = new RawClient(socket);
  await once(socket, 'secureConnect');
  return client;
}

for (const [kind, start] of Object.entries(KINDS)) {
  void describe(kind, () => {
    void it('answers requests, with a TLS socket that knows both ends', async (t) => {
      const { server, port } = await start(t, {});
      server.on('request', ({ socket }, response) => {
        assert.ok(socket instanceof TLSSocket);
        const { encrypted, servername, remotePort, localPort } = socket;
        response.end(JSON.stringify({ encrypted, servername, remotePort, localPort }));
      });
      const client = await connectSecure(t, port);
      client.send(GET);
      const text = await client.until(/\}/);
      assert.deepEqual(JSON.parse(text.slice(text.indexOf('{'))), {
        encrypted: true,
        servername: 'a.test',
        remotePort: client.socket.localPort,
        localPort: port,
      });
    });

    void it('answers an upgrade as any request until somebody listens for it', async (t) => {
      const { server, port } = await start(t, {});
      server.on('request', (_request, response) => response.end('plain'));
      const client = await connectSecure(t, port);
      client.send(UPGRADE);
      await client.until(/^HTTP\/1.1 200[^]*plain$/);
      server.on('upgrade', (_request, socket: Socket, head: Buffer) => {
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n\r\n${head.toString()}`);
        socket.pipe(socket);
      });
      client.send(`${UPGRADE}first,`);
      await client.until(/first,$/);
      client.send('second');
      await client.until(/first,second$/);
    });

    void it('delivers connect, checkContinue and checkExpectation', async (t) => {
      const { server, port } = await start(t, {});
      server.on('connect', (_request, socket: Socket) => socket.end('HTTP/1.1 200 tunnel\r\n\r\n'));
      server.on('checkContinue', (_request, response) => response.end('would go on'));
      server.on('checkExpectation', (_request, response) => response.end('unexpected'));
      const hasty = await connectSecure(t, port);
      hasty.send(GET.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'));
      await hasty.until(/would go on$/);
      const client = await connectSecure(t, port);
      client.send(GET.replace('\r\n\r\n', '\r\nExpect: miracles\r\n\r\n'));
      await client.until(/unexpected$/);
      client.send('CONNECT b.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\n');
      await client.until(/200 tunnel/);
    });

    void it('emits clientError for bad requests and for bad handshakes', async (t) => {
      const { server, port } = await start(t, {});
      const errors: (string | undefined)[] = [];
      server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
        errors.push(error.code);
        socket.destroy();
      });
      const client = await connectSecure(t, port);
      client.send('no HTTP at all\r\n\r\n');
      await client.closed;
      assert.match(String(errors[0]), /^HPE_/);
      const plain = await connectRaw(t, port);
      plain.send(GET);
      await plain.closed;
      assert.match(String(errors[1]), /^ERR_SSL_/);
    });

    void it('applies headersTimeout and requestTimeout', async (t) => {
      const limits = { connectionsCheckingInterval: 20, headersTimeout: 80, requestTimeout: 160 };
      const { port } = await start(t, limits);
      const [slowHead, slowBody] = [await connectSecure(t, port), await connectSecure(t, port)];
      slowHead.send('GET / HTTP/1.1\r\n');
      slowBody.send(GET.replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 9\r\n\r\nhalf'));
      await Promise.all([slowHead.closed, slowBody.closed]);
      assert.match(slowHead.text, /^HTTP\/1.1 408/);
      assert.match(slowBody.text, /^HTTP\/1.1 408/);
    });

    void it('applies keepAliveTimeout and maxRequestsPerSocket as they are now', async (t) => {
      const { server, port } = await start(t, {});
      server.on('request', (_request, response) => response.end('done'));
      server.keepAliveTimeout = 40;
      server.maxRequestsPerSocket = 1;
      let droppedCount = 0;
      server.on('dropRequest', () => droppedCount++);
      const client = await connectSecure(t, port);
      client.send(GET + GET);
      await client.until(/HTTP\/1.1 200[^]*HTTP\/1.1 503/);
      assert.equal(droppedCount, 1);
      server.maxRequestsPerSocket = 0;
      const idle = await connectSecure(t, port);
      idle.send(GET);
      await idle.until(/done$/);
      await idle.closed;
    });

    void it('close waits for the request in flight and ends idle connections', async (t) => {
      const { server, port } = await start(t, {});
      const [busy, idle] = [await connectSecure(t, port), await connectSecure(t, port)];
      server.once('request', (_request, response) => response.end('done'));
      idle.send(GET);
      await idle.until(/done$/);
      const requested = next<[IncomingMessage, ServerResponse]>(server, 'request');
      busy.send(GET);
      const [, response] = await requested;
      assert.equal(await promisify(server.getConnections.bind(server))(), 2);
      const closed = once(server, 'close');
      server.close();
      await idle.closed;
      response.end('slow answer');
      await busy.until(/slow answer$/);
      busy.socket.destroy();
      await closed;
    });

    void it('closeAllConnections ends requests in flight', async (t) => {
      const { server, port } = await start(t, {});
      const client = await connectSecure(t, port);
      const requested = once(server, 'request');
      client.send(GET);
      await requested;
      server.closeAllConnections();
      await client.closed;
      assert.equal(client.text, '');
    });

    void it('counts from before the handshake and drops beyond maxConnections', async (t) => {
      const { server, port, front } = await start(t, {}, 'nothing');
      server.maxConnections = 1;
      const first = await connectRaw(t, port);
      const dropped = next<[Record<string, unknown>]>(server, 'drop');
      const second = await connectRaw(t, port);
      const [data] = await dropped;
      assert.equal(data['remotePort'], second.socket.localPort);
      await second.closed;
      assert.equal(await promisify(server.getConnections.bind(server))(), 1);
      if (front !== undefined) assert.equal(front.connectionCount(), 1);
      const closed = once(server, 'close');
      server.close();
      first.socket.destroy();
      await closed;
      if (front !== undefined) assert.equal(front.connectionCount(), 0);
    });
  });
}

void describe('a secure front', () => {
  void it('chooses the certificate by name: exact, longest suffix, else the first entry', async (t) => {
    const names = ['first.test', 'www.a.test', '*.a.test', '*.b.a.test'];
    const identities = await Promise.all(names.map((name) => selfSigned(name)));
    const server = createServer((_request, response) => response.end('done'));
    const { port, front } = await serveBehindFront(t, server, 'bytes');
    front.keys.stage(identities.map((pair, index) => ({ host: names[index], ...pair })));
    front.keys.commit();
    const expected = {
      'www.a.test': 'www.a.test',
      'WWW.A.test': 'www.a.test',
      'other.a.test': '*.a.test',
      'x.b.a.test': '*.b.a.test',
      'a.test': 'first.test',
      'else.test': 'first.test',
      '': 'first.test',
    };
    for (const [name, subject] of Object.entries(expected)) {
      const socket = connectTls({ port, host: '127.0.0.1', servername: name, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      assert.equal(socket.getPeerCertificate().subject.CN, subject, name);
      socket.destroy();
    }
  });

  void it('changes nothing when one of the new entries is bad', async (t) => {
    const server = createServer((_request, response) => response.end('done'));
    const { port, front } = await serveBehindFront(t, server, 'bytes');
    const fresh = await selfSigned('fresh.test');
    const bad = { host: 'bad.test', key: fresh.key, cert: identity.cert };
    assert.throws(() => front.keys.stage([{ host: 'fresh.test', ...fresh }, bad]), {
      code: 'ERR_TLS_KEY',
      info: { entry: 1, host: 'bad.test', field: 'cert' },
    });
    const client = await connectSecure(t, port, 'fresh.test');
    assert.ok(client.socket instanceof TLSSocket);
    assert.equal(client.socket.getPeerCertificate().subject.CN, 'a.test');
  });

  void it('counts its own connections, its server those of both kinds', async (t) => {
    const server = createServer();
    const { port, front, adopted } = await serveBehindFront(t, server, 'bytes');
    const plainPort = await acceptFor((handle, head) => adopted.inject(handle, head), 'nothing');
    const plain = once(server, 'connection');
    await connectRaw(t, plainPort);
    await plain;
    const counts: number[] = [];
    adopted.onConnectionCountChange = (count) => counts.push(count);
    const client = await connectSecure(t, port);
    assert.equal(adopted.connectionCount(), 2);
    assert.equal(front.connectionCount(), 1);
    server.once('connection', () => assert.fail('a second connection event'));
    const gone = new Promise<void>((resolve) => {
      adopted.onConnectionCountChange = (count) => {
        counts.push(count);
        resolve();
      };
    });
    client.socket.destroy();
    await gone;
    assert.deepEqual(counts, [2, 1]);
  });

  void it('refuses connections while its server is closed', async () => {
    const server = createServer();
    const front = createSecureFront(server, [identity]);
    let closedCount = 0;
    const accepted = await new Promise((resolve) => {
      front.inject({ close: () => closedCount++ }, undefined, resolve);
    });
    assert.equal(accepted, undefined);
    assert.equal(closedCount, 1);
  });
});

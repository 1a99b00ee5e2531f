// Clients that have connected and ask for nothing keep no server: neither one that says nothing, nor one that leaves its
// handshake unfinished. Who goes on is served.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, createServer as createTcp } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectSecure } from 'node:tls';
import { connectRaw, RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import { serve } from '../intake/fixtures/serving.test.kit.js';
import { MaintenanceGate } from '../maintenance/maintenance-gate.js';
import { HttpConnections, isInHead } from '../node/http-connections.js';
import { connectionCountOf } from '../node/native-handle.js';
import { endsTls } from '../node/secure-server.js';
import { Handshakes } from '../tls/handshakes.js';
import { Drain } from './drain.js';
import { Http2Sessions } from './http2-sessions.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const keys = await selfSigned('a.test');
/** A limit that no test reaches. */
const LONG_MS = 60_000;

interface Scene {
  server: Server;
  port: number;
  handshakes: Handshakes;
}

async function setScene(t: TestContext, server: Server): Promise<Scene> {
  const handshakes = new Handshakes();
  const { port } = await serve(t, 'listening', server);
  if (endsTls(server)) handshakes.watch(server);
  return { server, port, handshakes };
}

function begin({ server, handshakes }: Scene, { limitMs = LONG_MS } = {}): Drain {
  return new Drain({
    server,
    limitMs,
    connectionCount: () => connectionCountOf(server),
    handBack: false,
    migration: undefined,
    handshakes,
    sessions: new Http2Sessions(server),
    gate: new MaintenanceGate(server),
    canLinger: () => false,
    onEnd: () => undefined,
  });
}

/** What a client of TLS says first. */
async function helloOf(t: TestContext): Promise<Buffer> {
  const server = createTcp().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectSecure({ port, host: '127.0.0.1', servername: 'a.test' }).on(
    'error',
    () => undefined,
  );
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  return hello;
}

void describe('clients that ask for nothing, while a server drains', () => {
  void it('ends one that has connected and said nothing, in clear', async (t) => {
    const scene = await setScene(t, createServer());
    const accepted = once(scene.server, 'connection');
    const client = await connectRaw(t, scene.port);
    await accepted;
    assert.deepEqual(await begin(scene).ended, { cutCount: 0 });
    await client.closed;
  });

  void it('ends one that has finished its handshake and said nothing', async (t) => {
    const scene = await setScene(t, createHttps(keys));
    const accepted = once(scene.server, 'secureConnection');
    const socket = connectSecure({ port: scene.port, host: '127.0.0.1', rejectUnauthorized: false });
    t.after(() => socket.destroy());
    const client = new RawClient(socket);
    await accepted;
    assert.equal(scene.handshakes.count, 0);
    assert.deepEqual(await begin(scene).ended, { cutCount: 0 });
    await client.closed;
  });

  void it('ends one that says nothing, and one that says no more than hello, over TLS', async (t) => {
    const scene = await setScene(t, createHttps(keys));
    const hello = await helloOf(t);
    const [silent, begun] = [await connectRaw(t, scene.port), await connectRaw(t, scene.port)];
    begun.send(hello);
    await once(begun.socket, 'data');
    assert.equal(scene.handshakes.count, 2);
    assert.deepEqual(await begin(scene).ended, { cutCount: 0 });
    await Promise.all([silent.closed, begun.closed]);
  });

  void it('serves one whose handshake goes on', async (t) => {
    const scene = await setScene(
      t,
      createHttps(keys, (_request, response) => response.end('answer')),
    );
    const accepted = once(scene.server, 'connection');
    const under = connect({ port: scene.port, host: '127.0.0.1' });
    t.after(() => under.destroy());
    await accepted;
    const drain = begin(scene);
    const client = new RawClient(connectSecure({ socket: under, rejectUnauthorized: false }));
    client.send(GET);
    assert.match(await client.until(/answer$/), /\r\nConnection: close\r\n/);
    assert.deepEqual(await drain.ended, { cutCount: 0 });
  });

  for (const [where, make] of [
    ['in clear', (): Server => createServer((_request, response) => response.end('answer'))],
    ['over TLS', (): Server => createHttps(keys, (_request, response) => response.end('answer'))],
  ] as const) {
    const open = async (t: TestContext, port: number): Promise<RawClient> => {
      if (where === 'in clear') return await connectRaw(t, port);
      const socket = connectSecure({ port, host: '127.0.0.1', rejectUnauthorized: false });
      t.after(() => socket.destroy());
      return new RawClient(socket);
    };

    void it(`answers one that has sent half a head and no more, and serves one that sends the rest, ${where}`, async (t) => {
      const scene = await setScene(t, make());
      const [silent, slow, kept] = [
        await open(t, scene.port),
        await open(t, scene.port),
        await open(t, scene.port),
      ];
      kept.send(GET);
      await kept.until(/answer$/);
      for (const client of [silent, slow, kept]) client.send(GET.slice(0, 20));
      const heads = HttpConnections.of(scene.server) ?? assert.fail('it speaks HTTP/1');
      while (heads.all().filter((socket) => isInHead(socket)).length < 3) await turn();
      const drain = begin(scene);
      slow.send(GET.slice(20));
      assert.match(await slow.until(/answer$/), /\r\nConnection: close\r\n/);
      assert.match(await silent.until(/408 Request Timeout\r\n.*\r\n\r\n$/s), /\r\nConnection: close\r\n/);
      await kept.until(/answer.*408 Request Timeout\r\n/s);
      await Promise.all([silent.closed, slow.closed, kept.closed]);
      assert.deepEqual(await drain.ended, { cutCount: 0 });
    });
  }

  void it('ends a head that comes byte by byte', async (t) => {
    const scene = await setScene(t, createServer());
    const client = await connectRaw(t, scene.port);
    client.send('GET / HTTP/1.1\r\nX: ');
    const timer = setInterval(() => client.send('x'), 50);
    t.after(() => clearInterval(timer));
    const drain = begin(scene, { limitMs: 4000 });
    assert.deepEqual(await drain.ended, { cutCount: 0 });
    await client.closed;
  });
});

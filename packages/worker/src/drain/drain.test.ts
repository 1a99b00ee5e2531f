import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server as HttpServer, ServerResponse } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NativeHandle } from '@vhostd/transport';
import type { AdoptedServer } from '../intake/adopt-server.js';
import { next } from '../intake/fixtures/next-event.test.kit.js';
import { connectRaw } from '../intake/fixtures/raw-client.test.kit.js';
import type { RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { serve } from '../intake/fixtures/serving.test.kit.js';
import { MaintenanceGate } from '../maintenance/maintenance-gate.js';
import { Migration } from '../rehome/migration.js';
import { HttpConnections } from '../node/http-connections.js';
import { Drain } from './drain.js';
import { Http2Sessions } from './http2-sessions.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const SLOW = GET.replace('/', '/slow');
/** A limit that no test reaches. */
const LONG_MS = 60_000;

interface Scene {
  server: HttpServer;
  adopted: AdoptedServer;
  port: number;
  sessions: Http2Sessions;
  /** Responses to requests for /slow. */
  pending: ServerResponse[];
}

async function setScene(t: TestContext): Promise<Scene> {
  const pending: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/slow') pending.push(response);
    else response.end('answer');
  });
  const sessions = new Http2Sessions(server);
  const { adopted, port } = await serve(t, 'adopted', server);
  if (adopted === undefined) throw new Error('the server is not adopted');
  return { server, adopted, port, sessions, pending };
}

interface How {
  handBack?: boolean;
  migration?: Migration;
  limitMs?: number;
  handBacks?: { pendingCount: number };
}

function begin(
  t: TestContext,
  { server, adopted, sessions }: Omit<Scene, 'pending' | 'port'>,
  how: How,
): Drain {
  const drain = new Drain({
    server,
    limitMs: how.limitMs ?? LONG_MS,
    connectionCount: () => adopted.connectionCount(),
    handBack: how.handBack ?? false,
    migration: how.migration,
    ...(how.handBacks && { handBacks: how.handBacks }),
    sessions,
    gate: new MaintenanceGate(server),
    canLinger: (socket) => !('encrypted' in socket),
    onEnd: () => undefined,
  });
  t.after(() => {
    (server as Partial<HttpServer>).closeAllConnections?.();
  });
  return drain;
}

/** A migration whose connections end up in `moved`. */
function moveTo(moved: NativeHandle[], { server }: Scene): Migration {
  const connections = HttpConnections.of(server);
  assert.ok(connections);
  return new Migration({
    connections,
    handBacks: { open: true, send: ({ handle }) => moved.push(handle) > 0 },
    headerOf: () => ({ secure: false, peeked: false, handedBack: false }),
    readopt: () => assert.fail(),
  });
}

async function idleClient(t: TestContext, port: number): Promise<RawClient> {
  const client = await connectRaw(t, port);
  client.send(GET);
  await client.until(/answer$/);
  client.text = '';
  return client;
}

async function busyClient(
  t: TestContext,
  { server, port }: Scene,
  requests = SLOW,
  allowHalfOpen = false,
): Promise<RawClient> {
  const client = await connectRaw(t, port, allowHalfOpen);
  const requested = once(server, 'request');
  client.send(requests);
  await requested;
  return client;
}

void describe('draining a server that nobody takes connections from', () => {
  void it('announces the end with the response in work, closes what is idle, then the server', async (t) => {
    const scene = await setScene(t);
    const [busy, idle] = [await busyClient(t, scene), await idleClient(t, scene.port)];
    const drain = begin(t, scene, {});
    scene.pending[0]?.end('late answer');
    assert.match(await busy.until(/late answer$/), /\r\nConnection: close\r\n/);
    await Promise.all([busy.closed, idle.closed]);
    assert.equal(idle.text, '');
    assert.deepEqual(await drain.ended, { cutCount: 0 });
    assert.equal(scene.server.listening, false);
  });

  void it('goes on until the master has every connection that is handed back to it with a request', async (t) => {
    const handBacks = { pendingCount: 1 };
    const scene = await setScene(t);
    let isOver = false;
    const drain = begin(t, scene, { handBacks });
    void drain.ended.then(() => (isOver = true));
    // Some sweeps.
    await delay(100);
    assert.equal(isOver, false);
    handBacks.pendingCount = 0;
    assert.deepEqual(await drain.ended, { cutCount: 0 });
  });

  void it('lets a client that still sends read its answer, and waits until it closes', async (t) => {
    const scene = await setScene(t);
    const client = await busyClient(t, scene, `${SLOW}GET / HT`);
    let lost: unknown;
    client.socket.on('error', (error) => (lost = error));
    client.socket.pause();
    const drain = begin(t, scene, {});
    const [response] = scene.pending;
    assert.ok(response);
    const ended = once(response.req.socket, 'close');
    response.end('late answer');
    await ended;
    for (const piece of ['TP/1.1\r\n', 'Host: a.test\r\n', '\r\n']) {
      await new Promise((resolve) => client.socket.write(piece, resolve));
      await new Promise(setImmediate);
    }
    assert.equal(await Promise.race([drain.ended, Promise.resolve('lingers')]), 'lingers');
    client.socket.resume();
    assert.match(await client.until(/late answer$/), /\r\nConnection: close\r\n/);
    await client.closed;
    assert.equal(lost, undefined);
    assert.deepEqual(await drain.ended, { cutCount: 0 });
  });

  void it('does not wait long for a client that keeps its side open', async (t) => {
    const scene = await setScene(t);
    const client = await busyClient(t, scene, SLOW, true);
    const drain = begin(t, scene, {});
    scene.pending[0]?.end('late answer');
    await client.until(/late answer$/);
    assert.deepEqual(await drain.ended, { cutCount: 0 });
  });

  void it('cuts at its limit what lingers', async (t) => {
    const scene = await setScene(t);
    const client = await busyClient(t, scene, SLOW, true);
    const drain = begin(t, scene, { limitMs: 100 });
    scene.pending[0]?.end('late answer');
    await client.until(/late answer$/);
    const sending = setInterval(() => client.send('more'), 10);
    t.after(() => clearInterval(sending));
    assert.deepEqual(await drain.ended, { cutCount: 0 });
    await client.closed;
  });

  void it('serves a connection that was idle and sends a request in time', async (t) => {
    const scene = await setScene(t);
    const client = await idleClient(t, scene.port);
    const drain = begin(t, scene, {});
    client.send(GET);
    assert.match(await client.until(/answer$/), /\r\nConnection: close\r\n/);
    await drain.ended;
  });

  void it('answers every pipelined request before the connection ends', async (t) => {
    const scene = await setScene(t);
    const client = await busyClient(t, scene, SLOW + SLOW);
    const drain = begin(t, scene, {});
    client.send(SLOW);
    while (scene.pending.length < 3) await new Promise(setImmediate);
    for (const response of scene.pending) response.end('late answer');
    await client.closed;
    assert.equal(client.text.match(/late answer/g)?.length, 3);
    assert.equal(client.text.match(/Connection: close/g)?.length, 1);
    await drain.ended;
  });

  void it('cuts at the limit what has not ended', async (t) => {
    const scene = await setScene(t);
    await busyClient(t, scene);
    assert.deepEqual(await begin(t, scene, { limitMs: 100 }).ended, { cutCount: 1 });
    assert.equal(scene.server.listening, false);
  });

  void it('waits for the response in work though the site has closed its server itself', async (t) => {
    const scene = await setScene(t);
    const busy = await busyClient(t, scene);
    scene.server.close();
    const drain = begin(t, scene, {});
    scene.pending[0]?.end('late answer');
    await busy.until(/late answer$/);
    assert.deepEqual(await drain.ended, { cutCount: 0 });
  });

  void it('ends at once without connections', async (t) => {
    const scene = await setScene(t);
    assert.deepEqual(await begin(t, scene, {}).ended, { cutCount: 0 });
  });
});

void describe('draining a server whose connections others take', () => {
  void it('moves what is idle at once, and the busy one behind its response, which announces nothing', async (t) => {
    const scene = await setScene(t);
    const [idle, busy] = [await idleClient(t, scene.port), await busyClient(t, scene)];
    const moved: NativeHandle[] = [];
    t.after(() => moved.forEach((handle) => handle.close()));
    const drain = begin(t, scene, { handBack: true, migration: moveTo(moved, scene) });
    assert.equal(moved.length, 1);
    scene.pending[0]?.end('late answer');
    assert.doesNotMatch(await busy.until(/late answer$/), /Connection: close/);
    assert.deepEqual(await drain.ended, { cutCount: 0 });
    assert.equal(moved.length, 2);
    assert.deepEqual([idle.socket.destroyed, busy.socket.destroyed], [false, false]);
  });

  void it('announces the end on connections that cannot move, and waits for their next request', async (t) => {
    const scene = await setScene(t);
    const [idle, busy] = [await idleClient(t, scene.port), await busyClient(t, scene)];
    const drain = begin(t, scene, { handBack: true });
    scene.pending[0]?.end('late answer');
    assert.match(await busy.until(/late answer$/), /\r\nConnection: close\r\n/);
    // Longer than a connection that nobody takes may be idle.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    idle.send(GET);
    assert.match(await idle.until(/answer$/), /\r\nConnection: close\r\n/);
    await drain.ended;
  });

  void it('closes those at half of its limit', async (t) => {
    const scene = await setScene(t);
    const idle = await idleClient(t, scene.port);
    const drain = begin(t, scene, { handBack: true, limitMs: 2000 });
    await idle.closed;
    assert.deepEqual(await drain.ended, { cutCount: 0 });
  });

  void it('announces the end on all once nobody takes connections any more', async (t) => {
    const scene = await setScene(t);
    const busy = await busyClient(t, scene);
    const moved: NativeHandle[] = [];
    const drain = begin(t, scene, { handBack: true, migration: moveTo(moved, scene) });
    drain.leave();
    scene.pending[0]?.end('late answer');
    assert.match(await busy.until(/late answer$/), /\r\nConnection: close\r\n/);
    assert.deepEqual(await drain.ended, { cutCount: 0 });
    assert.equal(moved.length, 0);
  });
});

void describe('draining an HTTP/2 server', () => {
  void it('sends GOAWAY and lets the open streams end', async (t) => {
    const server: Server = createHttp2Server();
    const sessions = new Http2Sessions(server);
    const { adopted, port } = await serve(t, 'adopted', server, 'nothing');
    assert.ok(adopted);
    const client = connect(`http://127.0.0.1:${port}`);
    t.after(() => client.destroy());
    const requested = next<[unknown, ServerResponse]>(server, 'request');
    const stream = client.request({ ':path': '/slow' });
    stream.setEncoding('utf8');
    const [, response] = await requested;
    const goaway = next<[number]>(client, 'goaway');
    const drain = begin(t, { server: server as HttpServer, adopted, sessions }, { handBack: true });
    assert.deepEqual((await goaway)[0], 0);
    response.end('late answer');
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    assert.equal(text, 'late answer');
    assert.deepEqual(await drain.ended, { cutCount: 0 });
  });
});

void describe('an upgraded connection', () => {
  void it('is left alone until the limit', async (t) => {
    const scene = await setScene(t);
    scene.server.on('upgrade', (_request: unknown, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
      socket.pipe(socket);
    });
    const client = await connectRaw(t, scene.port);
    client.send(GET.replace('\r\n\r\n', '\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'));
    await client.until(/\r\n\r\n$/);
    const moved: NativeHandle[] = [];
    const drain = begin(t, scene, { handBack: true, migration: moveTo(moved, scene), limitMs: 1500 });
    client.send('still here');
    await client.until(/still here$/);
    assert.deepEqual(await drain.ended, { cutCount: 1 });
    assert.equal(moved.length, 0);
  });
});

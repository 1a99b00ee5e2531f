import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server, Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { AdoptedServer } from '../intake/adopt-server.js';
import { next } from '../intake/fixtures/next-event.test.kit.js';
import { connectRaw } from '../intake/fixtures/raw-client.test.kit.js';
import type { RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { acceptFor, serve } from '../intake/fixtures/serving.test.kit.js';
import {
  checkHttpInternals,
  detach,
  HttpConnections,
  isAtRest,
  isUnread,
  onNextRequest,
  responseOn,
} from './http-connections.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n';

interface Scene {
  adopted: AdoptedServer;
  connections: HttpConnections;
  client: RawClient;
  /** The server's side of the client's connection. */
  socket: Socket;
}

/** A server and one connection to it, whose first request has been answered. */
async function setScene(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) =>
    void response.end('answer'),
): Promise<Scene> {
  let first = true;
  const server = createServer((request, response) => {
    if (first) response.end('first');
    else answer(request, response);
    first = false;
  });
  const { adopted, port } = await serve(t, 'adopted', server);
  const connected = next<[Socket]>(server, 'connection');
  const client = await connectRaw(t, port);
  client.send(GET);
  const [socket] = await connected;
  await client.until(/first$/);
  client.text = '';
  const connections = HttpConnections.of(server);
  if (adopted === undefined || connections === undefined) throw new Error('the server is not adopted');
  return { adopted, connections, client, socket };
}

function isMovable({ connections, socket }: Scene): boolean {
  return connections.idle().includes(socket) && isAtRest(socket);
}

/** Waits until the server has read something more on this connection. */
async function hasRead(socket: Socket): Promise<void> {
  const handle: { bytesRead: number } = Reflect.get(socket, '_handle');
  const before = handle.bytesRead;
  while (handle.bytesRead === before) await new Promise(setImmediate);
}

void describe('an HTTP connection', () => {
  void it('is at rest between two requests', async (t) => {
    const scene = await setScene(t);
    assert.equal(isMovable(scene), true);
    assert.deepEqual(scene.connections.all(), [scene.socket]);
    scene.client.send(GET);
    await scene.client.until(/answer$/);
    assert.equal(isMovable(scene), true);
  });

  void it('is not idle from the first byte of a request on', async (t) => {
    const scene = await setScene(t);
    const read = hasRead(scene.socket);
    scene.client.send('G');
    await read;
    assert.equal(scene.connections.idle().includes(scene.socket), false);
    scene.client.send(GET.slice(1));
    await scene.client.until(/answer$/);
    assert.equal(isMovable(scene), true);
  });

  void it('is not at rest while its request is not answered', async (t) => {
    const requests: ServerResponse[] = [];
    const scene = await setScene(t, (_request, response) => void requests.push(response));
    const requested = once(scene.adopted.server, 'request');
    scene.client.send(GET);
    await requested;
    assert.equal(isMovable(scene), false);
    assert.equal(responseOn(scene.socket), requests[0]);
    requests[0]?.end('late answer');
    await scene.client.until(/late answer$/);
    assert.equal(responseOn(scene.socket), undefined);
    assert.equal(isMovable(scene), true);
  });

  void it('is not idle while the body of an answered request is still to come', async (t) => {
    const scene = await setScene(t);
    scene.client.send(POST);
    await scene.client.until(/answer$/);
    assert.equal(isMovable(scene), false);
    scene.client.send('body');
    while (!isMovable(scene)) await new Promise(setImmediate);
  });

  void it('is not at rest while a pipelined request waits for its answer', async (t) => {
    const responses: ServerResponse[] = [];
    const scene = await setScene(t, (_request, response) => void responses.push(response));
    scene.client.send(GET + GET);
    while (responses.length < 2) await new Promise(setImmediate);
    responses[0]?.end('one');
    await scene.client.until(/one$/);
    assert.equal(isMovable(scene), false);
    responses[1]?.end('two');
    await scene.client.until(/two$/);
    assert.equal(isMovable(scene), true);
  });

  void it('is not at rest once its end has been announced, or its client has sent its last', async (t) => {
    const scene = await setScene(t, (_request, response) => {
      response.setHeader('Connection', 'close');
      response.end('answer');
    });
    const finished = once(scene.socket, 'finish');
    scene.client.send(GET);
    await finished;
    assert.equal(isAtRest(scene.socket), false);
    const other = await setScene(t);
    const ended = once(other.socket, 'end');
    other.client.socket.end();
    await ended;
    assert.equal(isAtRest(other.socket), false);
  });

  void it('is unread until its first byte in this process', async (t) => {
    const server = createServer((_request, response) => response.end('answer'));
    const { adopted } = await serve(t, 'adopted', server);
    const connected = next<[Socket]>(server, 'connection');
    const client = await connectRaw(t, await acceptFor((handle) => adopted?.accept(handle), 'nothing'));
    const [socket] = await connected;
    assert.deepEqual([isUnread(socket), isAtRest(socket)], [true, true]);
    const unread = (): Socket[] => HttpConnections.of(server)?.unread() ?? [];
    assert.deepEqual(unread(), [socket]);
    const read = hasRead(socket);
    client.send('G');
    await read;
    assert.equal(isUnread(socket), false);
    assert.deepEqual(unread(), []);
  });
});

void describe('detaching a connection', () => {
  void it('leaves what the client sends in the kernel for whoever gets the handle', async (t) => {
    const scene = await setScene(t);
    const closed = once(scene.socket, 'close');
    const handle = detach(scene.socket);
    assert.ok(handle);
    await closed;
    assert.deepEqual([scene.connections.all(), scene.adopted.connectionCount()], [[], 0]);
    scene.client.send(GET.slice(0, 9));
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    const { adopted } = await serve(
      t,
      'adopted',
      createServer((_request, response) => response.end('other')),
    );
    adopted?.accept(handle);
    scene.client.send(GET.slice(9));
    await scene.client.until(/other$/);
  });

  void it('lets the same server have it again, as fast as before', async (t) => {
    const scene = await setScene(t);
    const handle = detach(scene.socket);
    assert.ok(handle);
    const socket = scene.adopted.accept(handle);
    assert.ok(socket);
    assert.equal(Reflect.get(Reflect.get(socket, 'parser') as object, '_consumed'), true);
    scene.client.send(GET);
    await scene.client.until(/answer$/);
  });

  void it('has nothing to give once the connection has ended', async (t) => {
    const { socket } = await setScene(t);
    socket.destroy();
    assert.equal(detach(socket), undefined);
  });
});

void describe('the next request of a connection', () => {
  void it('is told once, before anyone else sees it', async (t) => {
    const seen: string[] = [];
    const scene = await setScene(t, (_request, response) => {
      seen.push('request');
      response.end('answer');
    });
    onNextRequest(scene.socket, () => seen.push('told'));
    for (let request = 0; request < 2; request += 1) {
      scene.client.text = '';
      scene.client.send(GET);
      await scene.client.until(/answer$/);
    }
    assert.deepEqual(seen, ['told', 'request', 'request']);
  });

  void it('hears of an upgrade, too', async (t) => {
    const scene = await setScene(t);
    const seen: string[] = [];
    scene.adopted.server.on('upgrade', (_request: unknown, socket: Socket) => {
      seen.push('upgrade');
      socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    });
    onNextRequest(scene.socket, () => seen.push('told'));
    scene.client.send(GET.replace('\r\n\r\n', '\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'));
    await scene.client.until(/101/);
    assert.deepEqual(seen, ['told', 'upgrade']);
  });

  void it('is not told when it was undone', async (t) => {
    const scene = await setScene(t);
    const undo = onNextRequest(scene.socket, () => assert.fail());
    undo();
    scene.client.send(GET);
    await scene.client.until(/answer$/);
  });
});

void describe('the check of what this Node does with HTTP connections', () => {
  void it('finds nothing changed on this Node', () => {
    assert.equal(checkHttpInternals(), undefined);
  });

  void it('names what has changed', async (t) => {
    const { socket } = await setScene(t);
    const parser: object = Object.getPrototypeOf(Reflect.get(socket, 'parser'));
    replace(t, parser, 'unconsume', undefined);
    assert.deepEqual(checkHttpInternals()?.info['missing'], ['the parser of a connection']);
  });

  void it('notices that an idle connection cannot be told from a busy one', async (t) => {
    const { socket } = await setScene(t);
    const list: object = Object.getPrototypeOf(listOf(socket));
    replace(t, list, 'idle', Reflect.get(list, 'all'));
    assert.deepEqual(checkHttpInternals()?.info['missing'], ['ConnectionsList.idle']);
  });

  void it('notices that a socket holds its handle elsewhere', (t) => {
    const destroy = Socket.prototype.destroy;
    replace(t, Socket.prototype, 'destroy', function keep(this: Socket) {
      return this;
    });
    const error = checkHttpInternals();
    Socket.prototype.destroy = destroy;
    assert.deepEqual(error?.info['missing'], ['net.Socket#destroy']);
  });

  void it('knows no HTTP connections of a server of another kind', () => {
    assert.equal(HttpConnections.of(new Server()), undefined);
  });
});

/** The native list in which a connection's server keeps its parsers. */
function listOf(socket: Socket): unknown {
  const server: object = Reflect.get(socket, 'server');
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  );
  return symbol === undefined ? undefined : Reflect.get(server, symbol);
}

function replace(t: TestContext, owner: object, name: string, value: unknown): void {
  const original: unknown = Reflect.get(owner, name);
  t.after(() => Reflect.set(owner, name, original));
  Reflect.set(owner, name, value);
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readSync } from 'node:fs';
import { connect, createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { nativeCalls } from './native-calls.js';
import { LazyTcp, wholeHandle } from './lazy-tcp.js';
import type { AddressRecord, NativeHandle } from './native-handle.js';

interface Pair {
  client: Socket;
  handle: NativeHandle;
}

/** A connection whose server side is a bare handle. */
async function connected(t: TestContext): Promise<Pair> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[socket]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  server.close();
  const handle = Reflect.get(socket, '_handle') as NativeHandle;
  Reflect.set(socket, '_handle', null);
  socket.destroy();
  t.after(() => client.destroy());
  return { client, handle };
}

function duplicateOf({ handle }: Pair): number {
  return nativeCalls()?.duplicate(handle.fd) ?? -1;
}

void test('it is told that there is something to read, and not a byte of it is read', async (t) => {
  const pair = await connected(t);
  const lazy = new LazyTcp(pair.handle);
  let toldCount = 0;
  const told = new Promise<void>((resolve) => {
    assert.equal(
      lazy.whenReadable(() => {
        toldCount += 1;
        resolve();
      }),
      true,
    );
  });
  pair.client.write('hello');
  await told;
  // More of it tells nothing more.
  pair.client.write(' again');
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(toldCount, 1);
  const bytes = Buffer.alloc(100);
  assert.equal(bytes.toString('latin1', 0, readSync(lazy.fd, bytes)), 'hello again');
  lazy.close();
});

void test('its end is told, too', async (t) => {
  const pair = await connected(t);
  const lazy = new LazyTcp(pair.handle);
  const told = new Promise<void>((resolve) => lazy.whenReadable(resolve));
  pair.client.end();
  await told;
  assert.equal(nativeCalls()?.batches.peek(lazy.fd), 'end');
  lazy.close();
});

void test('what it was told of can be read by a socket of it', async (t) => {
  const pair = await connected(t);
  const lazy = new LazyTcp(pair.handle);
  const told = new Promise<void>((resolve) => lazy.whenReadable(resolve));
  pair.client.write('hello');
  await told;
  const socket = new Socket({ handle: wholeHandle(lazy) } as ConstructorParameters<typeof Socket>[0]);
  socket.resume();
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  assert.equal(bytes.toString(), 'hello');
  const ended = once(pair.client.resume(), 'end');
  socket.end();
  await ended;
});

void test('a descriptor becomes a handle when somebody asks who it is', async (t) => {
  const pair = await connected(t);
  const lazy = new LazyTcp(duplicateOf(pair));
  const peer: AddressRecord = {};
  assert.equal(lazy.getpeername(peer), 0);
  assert.equal(peer.port, pair.client.localPort);
  assert.equal(lazy.whole, wholeHandle(lazy));
  const ended = once(pair.client.resume(), 'end');
  lazy.close();
  pair.handle.close();
  await ended;
});

void test('closed before it is anything, it ends the connection and is nobody any more', async (t) => {
  const pair = await connected(t);
  const lazy = new LazyTcp(duplicateOf(pair));
  pair.handle.close();
  const ended = once(pair.client.resume(), 'end');
  await new Promise<void>((resolve) => lazy.close(resolve));
  await ended;
  assert.equal(lazy.fd, -1);
  assert.equal(lazy.whole, undefined);
  assert.equal(lazy.whenReadable(assert.fail), false);
  assert.notEqual(lazy.readStart(), 0);
  assert.notEqual(lazy.getpeername({}), 0);
  lazy.close();
});

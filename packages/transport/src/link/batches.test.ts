// Both ends of connections in batches, in one process: what arrives, what is taken back, what waits.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { nativeCalls } from '../node/native-calls.js';
import type { BatchCalls } from '../node/batch-calls.js';
import type { AddressRecord, NativeHandle } from '../node/native-handle.js';
import { BatchReceiver } from './batch-receiver.js';
import { BatchSender } from './batch-sender.js';
import type { Frame } from './frame.js';

const own = nativeCalls()?.batches;
assert.ok(own !== undefined, 'neither node:ffi nor koffi can be loaded');
const calls = own;

interface Connected {
  port: number | undefined;
  client: Socket;
  handle: NativeHandle;
}

async function connections(t: TestContext, count: number): Promise<Connected[]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const all: Connected[] = [];
  for (let index = 0; index < count; index += 1) {
    const client = connect(port, '127.0.0.1');
    const [[socket]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
      [Socket],
      unknown,
    ];
    const handle = Reflect.get(socket, '_handle') as NativeHandle;
    Reflect.set(socket, '_handle', null);
    socket.destroy();
    all.push({ client, handle, port: client.localPort });
  }
  server.close();
  t.after(() => {
    for (const { client, handle } of all) {
      client.destroy();
      handle.close();
    }
  });
  return all;
}

class Ends {
  readonly sender: BatchSender;
  readonly receiver: BatchReceiver;
  readonly frames: Frame[] = [];
  brokenCount = 0;
  #wake: () => void = () => undefined;

  constructor(t: TestContext, receivingCalls: BatchCalls = calls) {
    this.sender = new BatchSender(calls, () => (this.brokenCount += 1));
    this.receiver = new BatchReceiver(this.sender.childFds, receivingCalls, (frame) => {
      this.frames.push(frame);
      this.#wake();
    });
    t.after(() => {
      this.receiver.close();
      for (const { handle } of this.frames) handle?.close();
      this.sender.end();
      closeSync(this.sender.fd);
    });
  }

  async arrived(count: number): Promise<Frame[]> {
    while (this.frames.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.frames;
  }

  get numbers(): number[] {
    return this.frames.map(({ payload }) => payload.readUInt32BE(0));
  }
}

function payloadOf(number: number, bytes = ''): string {
  return `${String.fromCharCode(0, 0, number >>> 8, number & 255, 0, 0)}${bytes}`;
}

function portOf({ handle }: Frame): number | undefined {
  const peer: AddressRecord = {};
  handle?.getpeername?.(peer);
  return peer.port;
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

void test('connections arrive in order, each with its own descriptor and bytes, however long', async (t) => {
  const all = await connections(t, 40);
  const ends = new Ends(t);
  const payloads = all.map((_, index) => payloadOf(index + 1, String(index).repeat((index % 5) * 9000)));
  ends.receiver.start();
  for (const [index, { handle }] of all.entries()) {
    assert.equal(ends.sender.send(index + 1, payloads[index] ?? '', handle), true);
    if (index === 20) await turn();
  }
  const frames = await ends.arrived(all.length);
  assert.deepEqual(
    frames.map(({ payload }) => payload.toString('latin1')),
    payloads,
  );
  assert.deepEqual(
    frames.map(portOf),
    all.map(({ port }) => port),
  );
  assert.equal(ends.sender.hasUnsent, false);
});

void test('what was not taken is taken back, with what was not sent; the other end lets go of it', async (t) => {
  const all = await connections(t, 4);
  const [first, second, third, fourth] = all as [Connected, Connected, Connected, Connected];
  const ends = new Ends(t);
  ends.sender.send(1, payloadOf(1), first.handle);
  ends.sender.send(2, payloadOf(2), second.handle);
  await turn();
  ends.sender.send(3, payloadOf(3), third.handle);
  assert.equal(ends.sender.isUnsent(3), true);
  assert.deepEqual([...ends.sender.takeBack()], [1, 2, 3]);
  await turn();
  ends.sender.send(4, payloadOf(4), fourth.handle);
  ends.receiver.start();
  await ends.arrived(1);
  assert.deepEqual(ends.numbers, [4]);
  // The other end has no descriptor of them: closed here, they end.
  for (const { client, handle } of [first, second, third]) {
    const ended = once(client.resume(), 'end');
    handle.close();
    await ended;
  }
});

void test('what a dead worker has not taken is there to be taken back; what it has taken is not', async (t) => {
  const all = await connections(t, 3);
  const ends = new Ends(t);
  ends.receiver.start();
  ends.sender.send(1, payloadOf(1), (all[0] as Connected).handle);
  await ends.arrived(1);
  ends.receiver.close();
  ends.sender.send(2, payloadOf(2), (all[1] as Connected).handle);
  await turn();
  ends.sender.end();
  assert.equal(ends.sender.send(3, payloadOf(3), (all[2] as Connected).handle), false);
  const back = ends.sender.takeBack();
  assert.equal(back.has(2), true);
  assert.equal(back.has(1), false);
});

void test('where the socket is full, connections wait and arrive when there is room', async (t) => {
  const [only] = await connections(t, 1);
  assert.ok(only !== undefined);
  const ends = new Ends(t);
  const bytes = 'x'.repeat(20_000);
  let count = 0;
  while (!ends.sender.hasUnsent && count < 2000) {
    count += 1;
    ends.sender.send(count, payloadOf(count, bytes), only.handle);
    await turn();
  }
  assert.equal(ends.sender.hasUnsent, true);
  assert.equal(ends.sender.isUnsent(count), true);
  assert.equal(ends.sender.isUnsent(1), false);
  ends.receiver.start();
  await ends.arrived(count);
  assert.deepEqual(
    ends.numbers,
    Array.from({ length: count }, (_, index) => index + 1),
  );
  assert.equal(ends.brokenCount, 0);
});

void test('what waits here and is given to somebody else is not sent', async (t) => {
  const [only] = await connections(t, 1);
  assert.ok(only !== undefined);
  const ends = new Ends(t);
  for (const number of [1, 2, 3]) ends.sender.send(number, payloadOf(number), only.handle);
  ends.sender.forget(new Set([2]));
  ends.receiver.start();
  await ends.arrived(2);
  assert.deepEqual(ends.numbers, [1, 3]);
});

void test('a connection whose descriptor had no room is told of, and those beside it arrive', async (t) => {
  const all = await connections(t, 3);
  const cut = Object.create(calls, {
    receive: {
      value: (fd: number) => {
        const message = calls.receive(fd);
        for (const lost of message?.fds.splice(1) ?? []) closeSync(lost);
        return message;
      },
    },
  }) as BatchCalls;
  const ends = new Ends(t, cut);
  all.forEach(({ handle }, index) => ends.sender.send(index + 1, payloadOf(index + 1), handle));
  ends.receiver.start();
  const frames = await ends.arrived(3);
  assert.deepEqual(
    frames.map(({ handleLost }) => handleLost),
    [false, true, true],
  );
  assert.deepEqual(ends.numbers, [1, 2, 3]);
});

void test('an end that was closed is noticed at the next connection, which is kept', async (t) => {
  const all = await connections(t, 1);
  const ends = new Ends(t);
  ends.receiver.close();
  const { handle } = all[0] as Connected;
  ends.sender.send(1, payloadOf(1), handle);
  await turn();
  assert.equal(ends.brokenCount, 1);
  assert.equal(ends.sender.send(2, payloadOf(2), handle), false);
  assert.deepEqual([...ends.sender.takeBack()], [1]);
});

void test('of a master that has gone all that it had sent is taken', async (t) => {
  const all = await connections(t, 2);
  const ends = new Ends(t);
  all.forEach(({ handle }, index) => ends.sender.send(index + 1, payloadOf(index + 1), handle));
  await turn();
  ends.receiver.takeRest();
  assert.deepEqual(ends.numbers, [1, 2]);
});

/** So that no number fits into it until the worker reads. */
function fill(fifo: number): void {
  const fd = openSync(`/proc/self/fd/${fifo}`, constants.O_WRONLY | constants.O_NONBLOCK);
  // A number that nothing has.
  const entry = Buffer.from([0x7f, 0, 0, 0, 0, 0, 0, 0]);
  try {
    for (;;) writeSync(fd, entry);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
  } finally {
    closeSync(fd);
  }
}

void test('numbers that do not fit are told when the worker has read, and nothing is lost', async (t) => {
  const all = await connections(t, 40);
  const ends = new Ends(t);
  fill(ends.sender.childFds[1]);
  for (const [index, { handle }] of all.entries()) ends.sender.send(index + 1, payloadOf(index + 1), handle);
  await turn();
  assert.equal(ends.sender.hasUnsent, true);
  ends.receiver.start();
  const frames = await ends.arrived(all.length);
  assert.deepEqual(
    frames.map(portOf),
    all.map(({ port }) => port),
  );
  assert.deepEqual([ends.brokenCount, ends.sender.hasUnsent], [0, false]);
});

void test('what the worker has, and was not told the numbers of, is taken back, and it closes that', async (t) => {
  const all = await connections(t, 20);
  const ends = new Ends(t);
  fill(ends.sender.childFds[1]);
  for (const [index, { handle }] of all.entries()) ends.sender.send(index + 1, payloadOf(index + 1), handle);
  await turn();
  assert.deepEqual(
    [...ends.sender.takeBack()].toSorted((one, other) => one - other),
    all.map((_, index) => index + 1),
  );
  const [more] = await connections(t, 1);
  assert.ok(more !== undefined);
  ends.sender.send(21, payloadOf(21), more.handle);
  ends.receiver.start();
  await ends.arrived(1);
  assert.deepEqual(ends.numbers, [21]);
  for (const { client, handle } of all) {
    const closed = once(client, 'end');
    client.resume();
    // The worker has no copy, or the client would not hear of it.
    handle.close();
    await closed;
  }
});

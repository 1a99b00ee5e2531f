import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { createServer } from 'node:net';
import { replaceProcessChannel } from './process-channel.js';

const before = process.send;
afterEach(() => void Reflect.set(process, 'send', before));

/** What was sent; `accepts`: whether it goes out. */
function replaced(accepts = true): unknown[] {
  const sent: unknown[] = [];
  replaceProcessChannel({
    onMessage: (message) => {
      if (message === 'cannot be sent') throw new Error('not JSON');
      sent.push(message);
      return accepts;
    },
    onDisconnect: () => undefined,
  });
  return sent;
}

/** Resolves with what the callback is given. */
function send(message: unknown, ...rest: unknown[]): Promise<unknown> {
  return new Promise((resolve) => {
    Reflect.apply(process.send as (...args: unknown[]) => unknown, process, [message, ...rest, resolve]);
  });
}

void test('what a site sends goes another way, and its callback hears of it', async () => {
  const sent = replaced();
  assert.equal(process.send?.({ hello: 1 }), true);
  assert.equal(await send('again'), null);
  assert.equal(await send('with options', undefined, { keepOpen: true }), null);
  assert.deepEqual(sent, [{ hello: 1 }, 'again', 'with options']);
});

void test('what cannot be sent is told to the callback, or thrown where there is none', async () => {
  replaced();
  assert.match(String(await send('cannot be sent')), /not JSON/);
  assert.throws(() => process.send?.('cannot be sent'), /not JSON/);
});

void test('a message that is not taken now is told to the callback', async () => {
  replaced(false);
  assert.match(String(await send('x')), /not sent/);
  assert.equal(process.send?.('x'), false);
});

void test('a handle cannot go along', () => {
  const sent = replaced();
  assert.throws(() => process.send?.('x', createServer()), /takes no handle/);
  assert.deepEqual(sent, []);
});

void test('what node:cluster says to the primary goes nowhere', async () => {
  const sent = replaced();
  assert.equal(await send({ cmd: 'NODE_CLUSTER', act: 'online' }), null);
  assert.deepEqual(sent, []);
});

import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import type { NativeCalls, Received } from '../node/native-calls.js';
import { disposeNow } from '../node/dispose.js';
import { DescriptorReceiver, DescriptorSender } from './descriptor-passing.js';
import { FakePipe } from './fixtures/fake-pipe.test.kit.js';
import { openListening } from './fixtures/forked-link.test.kit.js';

/** A receiver that finds these in its queue, one after the other. */
function receiverOf(...queue: Received[]): DescriptorReceiver {
  const calls: Pick<NativeCalls, 'receive'> = {
    receive: () => queue.shift() ?? { kind: 'empty' },
  };
  return new DescriptorReceiver(new FakePipe(), calls);
}

function open(): number {
  return openSync('/dev/null', 'r');
}

void test('a frame without its descriptor breaks the rules', () => {
  assert.deepEqual(receiverOf().receive(), {
    kind: 'violation',
    detail: 'a frame with a descriptor that was not sent',
  });
});

void test('what is refused breaks the rules, and is disposed of', () => {
  const fd = open();
  const receiver = receiverOf({ kind: 'refused', fds: [fd], why: 'a file' });
  assert.deepEqual(receiver.receive(), {
    kind: 'violation',
    detail: 'a descriptor that was refused: a file',
  });
  disposeNow();
  assert.throws(() => closeSync(fd), { code: 'EBADF' });
});

void test('a descriptor out of turn breaks the rules, and is disposed of', () => {
  const fd = open();
  const receiver = receiverOf({ kind: 'lost', number: 1 }, { kind: 'socket', number: 3, fd });
  assert.deepEqual(receiver.receive(), { kind: 'lost' });
  assert.deepEqual(receiver.receive(), { kind: 'violation', detail: 'descriptor 3 out of turn' });
  disposeNow();
  assert.throws(() => closeSync(fd), { code: 'EBADF' });
});

void test('each handle goes with its number, and its frame may go when the kernel has both', async (t) => {
  const [listening] = await openListening(t, 1);
  assert.ok(listening !== undefined);
  const pipe = new FakePipe();
  const sender = new DescriptorSender(pipe);
  const outcomes: boolean[] = [];
  for (let count = 0; count < 2; count += 1) {
    assert.equal(
      sender.send(listening.handle, (sent) => outcomes.push(sent)),
      true,
    );
  }
  assert.deepEqual(
    pipe.writes.map(({ text }) => text),
    ['\0\0\0\u0001', '\0\0\0\u0002'],
  );
  assert.deepEqual(outcomes, []);
  pipe.writes[0]?.finish(0);
  pipe.writes[1]?.finish(-32);
  assert.deepEqual(outcomes, [true, false]);
});

void test('what is no TCP handle is refused before anything is sent', () => {
  const pipe = new FakePipe();
  assert.equal(
    new DescriptorSender(pipe).send(new FakePipe(), () => assert.fail('nothing was sent')),
    false,
  );
  assert.deepEqual(pipe.writes, []);
});

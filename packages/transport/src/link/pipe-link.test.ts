import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testDelivery } from './fixtures/link-delivery.test.kit.js';
import { testEnds } from './fixtures/link-ends.test.kit.js';
import { FakePipe } from './fixtures/fake-pipe.test.kit.js';
import { forkLinked, Inbox, openListening, portOf } from './fixtures/forked-link.test.kit.js';
import { encodeFrame, FrameKind } from './frame.js';
import { PipeLink } from './pipe-link.js';

testDelivery('pipe', 3000);
testEnds('pipe');

function frame(payload: string, withHandle = false): Buffer {
  return Buffer.from(encodeFrame(FrameKind.message, payload, withHandle), 'latin1');
}

describe('PipeLink', () => {
  test('delivers every handle that the peer sent before it died', { timeout: 60_000 }, async (t) => {
    const [listening] = await openListening(t, 1);
    for (let round = 0; round < 5; round += 1) {
      const { link } = forkLinked(t, 'pipe', 'scripted', { args: ['hand back and die'] });
      const inbox = new Inbox(link);
      link.send(FrameKind.connection, 'go', listening?.handle);
      for (let number = 0; number < 100; number += 1) {
        const { payload, handle } = await inbox.next();
        assert.equal(payload.toString(), String(number));
        assert.equal(portOf(handle), listening?.port);
        handle?.close();
      }
      assert.deepEqual(await inbox.ended, { reason: 'peer-gone' });
    }
  });

  test('ends once with a violation when the peer writes what is no frame', { timeout: 60_000 }, async (t) => {
    const { link, exited } = forkLinked(t, 'pipe', 'scripted', { args: ['write', '4', 'garbage!'] });
    const inbox = new Inbox(link);
    link.send(FrameKind.message, 'go');
    assert.deepEqual(await inbox.ended, { reason: 'violation', detail: 'a frame of 1734439522 bytes' });
    assert.equal(link.open, false);
    // The peer learns of it as of any other end.
    await exited;
    assert.equal(inbox.ends.length, 1);
  });

  test('reads no byte behind what was read, though the buffer is longer', async () => {
    const pipe = new FakePipe();
    const inbox = new Inbox(new PipeLink(pipe));
    const bytes = frame('a message');
    pipe.read(bytes.subarray(0, 3), 65_536);
    pipe.read(bytes.subarray(3), 20);
    assert.equal((await inbox.next()).payload.toString(), 'a message');
    assert.deepEqual(inbox.ends, []);
  });

  test('reads again behind an end, and ends only when nothing more came', async () => {
    const pipe = new FakePipe();
    const inbox = new Inbox(new PipeLink(pipe));
    for (let number = 0; number < 3; number += 1) {
      pipe.read(frame(String(number)));
      pipe.readEnd();
      assert.equal(pipe.reading, true);
      assert.equal((await inbox.next()).payload.toString(), String(number));
    }
    assert.deepEqual(inbox.ends, []);
    pipe.readEnd();
    assert.deepEqual(inbox.ends, [{ reason: 'peer-gone' }]);
    assert.equal(pipe.readStartCount, 4);
    assert.equal(pipe.closed, true);
  });

  test('sends nothing behind a frame that failed, and still delivers what the peer had sent', async () => {
    const pipe = new FakePipe();
    const link = new PipeLink(pipe);
    const inbox = new Inbox(link);
    assert.equal(link.send(FrameKind.message, 'one'), true);
    assert.equal(link.send(FrameKind.message, 'two'), true);
    pipe.writes[0]?.finish(-32);
    assert.equal(link.open, false);
    assert.equal(link.send(FrameKind.message, 'three'), false);
    assert.equal(pipe.writes.length, 2);
    pipe.read(frame('last words'));
    assert.equal((await inbox.next()).payload.toString(), 'last words');
    assert.deepEqual(inbox.ends, []);
    pipe.readEnd();
    pipe.readEnd();
    assert.deepEqual(inbox.ends, [{ reason: 'peer-gone' }]);
  });

  test('holds a handle open until the kernel has it, whatever became of the write', async (t) => {
    for (const status of [0, -32]) {
      const [listening] = await openListening(t, 1);
      assert.ok(listening !== undefined);
      const pipe = new FakePipe();
      const link = new PipeLink(pipe);
      link.send(FrameKind.connection, 'one', listening.handle);
      link.send(FrameKind.connection, 'two', listening.handle);
      const closed = new Promise<void>((resolve) => {
        listening.handle.close(resolve);
      });
      assert.ok(listening.handle.fd >= 0);
      pipe.writes[0]?.finish(status);
      assert.ok(listening.handle.fd >= 0);
      pipe.writes[1]?.finish(status);
      await closed;
      assert.ok(listening.handle.fd < 0);
    }
  });

  test('counts what each waiting frame costs besides its bytes', () => {
    const pipe = new FakePipe();
    const link = new PipeLink(pipe, { maxQueuedBytes: 5000 });
    let sentCount = 0;
    while (link.send(FrameKind.accepted, '')) sentCount += 1;
    assert.equal(sentCount, 10);
    for (const { finish } of pipe.writes) finish(0);
    assert.equal(link.queuedBytes, 0);
    assert.equal(link.send(FrameKind.accepted, ''), true);
  });

  test('closes a handle that comes with no whole frame', async (t) => {
    const pipe = new FakePipe();
    const link = new PipeLink(pipe);
    const inbox = new Inbox(link);
    const [listening] = await openListening(t, 1);
    assert.ok(listening !== undefined);
    const bytes = frame('half', true);
    pipe.read(bytes.subarray(0, 8), 0, listening.handle);
    link.close();
    assert.deepEqual(inbox.ends, [{ reason: 'closed-here' }]);
    pipe.read(bytes.subarray(8));
    assert.ok(listening.handle.fd < 0);
  });
});

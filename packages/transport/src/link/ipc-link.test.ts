import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testDelivery } from './fixtures/link-delivery.test.kit.js';
import { testEnds } from './fixtures/link-ends.test.kit.js';
import { forkLinked, Inbox } from './fixtures/forked-link.test.kit.js';
import { FrameKind } from './frame.js';

testDelivery('ipc', 1200);
testEnds('ipc');

describe('IpcLink', () => {
  const noFrame = 'a message that is no frame';
  const forged: [message: unknown, detail: string][] = [
    [{ vhostd: 99, payload: '' }, noFrame],
    [{ vhostd: FrameKind.message }, noFrame],
    [{ vhostd: FrameKind.message, payload: 7 }, noFrame],
    [{ vhostd: FrameKind.message, payload: 'x'.repeat(101) }, noFrame],
    [{ vhostdHandle: 1 }, 'a handle that was not expected'],
    [{ vhostdHandle: null }, 'a handle that was not expected'],
  ];
  for (const [message, detail] of forged) {
    const sent = JSON.stringify(message);
    test(`ends with a violation when the peer sends ${sent.slice(0, 40)}`, { timeout: 60_000 }, async (t) => {
      const { link, exited } = forkLinked(t, 'ipc', 'scripted', {
        args: ['send', sent],
        limits: { maxPayloadBytes: 100 },
      });
      const inbox = new Inbox(link);
      link.send(FrameKind.message, 'go');
      assert.deepEqual(await inbox.ended, { reason: 'violation', detail });
      await exited;
      assert.equal(inbox.ends.length, 1);
    });
  }

  test(
    'says that a handle was lost when a frame names one that did not come',
    { timeout: 60_000 },
    async (t) => {
      const { link } = forkLinked(t, 'ipc', 'scripted', {
        args: ['send', JSON.stringify({ vhostd: FrameKind.handBack, payload: 'ÿ', handle: 3 })],
      });
      const inbox = new Inbox(link);
      link.send(FrameKind.message, 'go');
      const { kind, payload, handle, handleLost } = await inbox.next();
      assert.deepEqual(
        { kind, handle, handleLost },
        { kind: FrameKind.handBack, handle: undefined, handleLost: true },
      );
      assert.deepEqual([...payload], [255]);
    },
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeConnection, encodeHandBackAnswer, FrameKind } from '@vhostd/transport';
import type { NativeHandle } from '@vhostd/transport';
import { FakeLink } from './fake-link.test.kit.js';
import { HandBacks } from './hand-backs.js';
import type { HandedBack } from './hand-backs.js';

const HEADER = { listener: '[::]:80', host: 'a.test', secure: false, peeked: true, handedBack: false };

class Scene {
  readonly link = new FakeLink();
  readonly kept: HandedBack[] = [];
  readonly closed: NativeHandle[] = [];
  beforeSend = 0;
  readonly handBacks: HandBacks = new HandBacks(this.link, {
    beforeSend: () => {
      this.beforeSend += 1;
      assert.equal(this.link.sent.length, this.beforeSend - 1);
    },
    onKept: ({ handle, header, bytes }) => this.kept.push({ handle, header, bytes }),
  });

  handle(bytes = 'GET /next'): HandedBack {
    const handle = { close: () => void this.closed.push(handle) } as unknown as NativeHandle;
    return { handle, header: HEADER, bytes };
  }

  answer(number: number, taken: boolean): void {
    this.handBacks.receive(Buffer.from(encodeHandBackAnswer({ number, taken }), 'latin1'));
  }
}

void describe('handing connections back', () => {
  void it('sends each with a number of its own, after what must be said before', () => {
    const scene = new Scene();
    const handles = [scene.handle(), scene.handle()];
    for (const handle of handles) assert.equal(scene.handBacks.send(handle), true);
    assert.deepEqual(
      scene.link.sent.map(({ kind, payload, handle }) => ({ kind, ...decodeConnection(payload), handle })),
      handles.map(({ handle, bytes }, index) => ({
        kind: FrameKind.handBack,
        number: index + 1,
        header: { ...HEADER, peeked: false, handedBack: true },
        bytes: Buffer.from(bytes),
        handle,
      })),
    );
    assert.equal(scene.beforeSend, 2);
  });

  void it('keeps the descriptor open until the master has taken the connection', () => {
    const scene = new Scene();
    const [first, second] = [scene.handle(), scene.handle()];
    scene.handBacks.send(first);
    scene.handBacks.send(second);
    assert.deepEqual(scene.closed, []);
    scene.answer(1, true);
    assert.deepEqual(scene.closed, [first.handle]);
    assert.equal(scene.handBacks.pendingCount, 1);
  });

  void it('takes back what the master does not want', () => {
    const scene = new Scene();
    const handle = scene.handle();
    scene.handBacks.send(handle);
    scene.answer(1, false);
    assert.deepEqual([scene.kept, scene.closed], [[handle], []]);
    assert.equal(scene.handBacks.pendingCount, 0);
  });

  void it('takes back what a dead master has not answered, and nothing else', () => {
    const scene = new Scene();
    const handles = [scene.handle(), scene.handle(), scene.handle()];
    for (const handle of handles) scene.handBacks.send(handle);
    scene.answer(1, true);
    scene.link.open = false;
    scene.handBacks.end();
    assert.deepEqual(scene.kept, handles.slice(1));
    assert.deepEqual(scene.closed, [handles[0]?.handle]);
    scene.handBacks.end();
    assert.equal(scene.kept.length, 2);
  });

  void it('leaves a connection that could not be sent with the caller, and its number to the next', () => {
    const scene = new Scene();
    scene.link.open = false;
    assert.equal(scene.handBacks.send(scene.handle()), false);
    assert.equal(scene.handBacks.pendingCount, 0);
    scene.link.open = true;
    scene.handBacks.send(scene.handle());
    assert.equal(decodeConnection(scene.link.sent[0]?.payload ?? Buffer.alloc(0))?.number, 1);
  });

  void it('has no more than 64 on their way at once', () => {
    const scene = new Scene();
    let sent = 0;
    while (sent < 1000 && scene.handBacks.send(scene.handle())) sent += 1;
    assert.equal(sent, 64);
    assert.equal(scene.handBacks.open, false);
    scene.answer(1, true);
    assert.equal(scene.handBacks.open, true);
  });

  void it('does nothing at an answer that is invalid, or to another connection', () => {
    const scene = new Scene();
    scene.answer(1, true);
    scene.handBacks.send(scene.handle());
    scene.answer(2, true);
    scene.handBacks.receive(Buffer.from([0, 0, 0, 1]));
    assert.deepEqual([scene.closed, scene.kept], [[], []]);
    assert.equal(scene.handBacks.pendingCount, 1);
  });
});

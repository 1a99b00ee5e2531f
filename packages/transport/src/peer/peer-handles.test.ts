import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { FrameKind } from '../link/frame.js';
import type { Frame } from '../link/frame.js';
import { FakeHandle } from './fake-link.test.kit.js';
import { AnswerWithHandle } from './peer.js';
import type { Passenger, Peer } from './peer.js';
import { peerPair, turn } from './peer-pair.test.kit.js';
import type { NoQuestions, PeerPair, Questions } from './peer-pair.test.kit.js';

/** A passenger that counts its releases. */
function boarding(): { passenger: Passenger; handle: FakeHandle; releasedCount: () => number } {
  const handle = new FakeHandle();
  let count = 0;
  return {
    handle,
    passenger: { handle: handle.native, release: () => (count += 1) },
    releasedCount: () => count,
  };
}

/** Lets everything happen that is on its way. */
async function settle(): Promise<void> {
  for (let count = 0; count < 10; count += 1) {
    await turn();
  }
}

describe('the passenger of a request is released exactly once', () => {
  async function releasedBy(
    act: (pair: PeerPair, passenger: Passenger) => Promise<void> | void,
  ): Promise<void> {
    const { passenger, releasedCount } = boarding();
    const pair = peerPair({ timeoutMs: 60_000, maxOutgoingCount: 2 });
    await act(pair, passenger);
    await settle();
    assert.equal(releasedCount(), 1);
    pair.here.end({ reason: 'peer-gone' });
    await settle();
    assert.equal(releasedCount(), 1);
  }
  const never = (): Promise<never> => new Promise(() => undefined);

  test('when it was taken, long before the answer', () =>
    releasedBy(({ asking, answering }, passenger) => {
      answering.handle('take', never);
      asking.request('take', null, { passenger }).catch(() => undefined);
    }));

  test('when it was answered', () =>
    releasedBy(async ({ asking, answering }, passenger) => {
      answering.handle('take', () => 'done');
      assert.equal(await asking.request('take', null, { passenger }), 'done');
    }));

  test('when it was answered without a word that it was taken', () =>
    releasedBy(({ asking, here, there }, passenger) => {
      there.peer = undefined;
      asking.request('take', null, { passenger }).catch(() => undefined);
      here.deliver({
        kind: FrameKind.message,
        payload: Buffer.from('{"type":"result","id":1}'),
        handle: undefined,
        handleLost: false,
      });
    }));

  test('when it was answered with an error', () =>
    releasedBy(async ({ asking }, passenger) => {
      await assert.rejects(asking.request('take', null, { passenger }), { code: 'ERR_CALL_UNKNOWN' });
    }));

  test('when the peer had no descriptor for it', () =>
    releasedBy(async ({ asking, answering, here }, passenger) => {
      answering.handle('take', assert.fail);
      here.losesHandles = true;
      await assert.rejects(asking.request('take', null, { passenger }), { code: 'ERR_CALL_SOCKET_LOST' });
    }));

  test('when the link ends', () =>
    releasedBy(async ({ asking, here }, passenger) => {
      here.peer = undefined;
      const request = asking.request('take', null, { passenger });
      here.end({ reason: 'peer-gone' });
      await assert.rejects(request, { code: 'ERR_CALL_LOST' });
    }));

  test('when the link had ended before', () =>
    releasedBy(async ({ asking, here }, passenger) => {
      here.end({ reason: 'peer-gone' });
      await assert.rejects(asking.request('take', null, { passenger }), { code: 'ERR_CALL_LOST' });
    }));

  test('when the peer does not read', () =>
    releasedBy(async ({ asking, here }, passenger) => {
      here.reads = false;
      await assert.rejects(asking.request('take', null, { passenger }), { code: 'ERR_CALL_QUEUE_FULL' });
    }));

  test('when sending throws', () =>
    releasedBy(async ({ asking, here }, passenger) => {
      here.failure = new Error('odd');
      await assert.rejects(asking.request('take', null, { passenger }), { message: 'odd' });
    }));

  test('when its params are no JSON', () =>
    releasedBy(async ({ asking }, passenger) => {
      await assert.rejects(asking.request('anything', 1n, { passenger }), { code: 'ERR_CALL_NOT_JSON' });
    }));

  test('when too many wait', () =>
    releasedBy(async ({ asking, here }, passenger) => {
      here.peer = undefined;
      for (let count = 0; count < 2; count += 1) asking.request('anything', 1).catch(() => undefined);
      await assert.rejects(asking.request('take', null, { passenger }), { code: 'ERR_CALL_TOO_MANY' });
    }));

  test('not at its time limit, but when it is taken later: it counts among those that wait until then', async () => {
    const { passenger, releasedCount } = boarding();
    const { asking, here } = peerPair({ maxOutgoingCount: 1 });
    here.peer = undefined;
    const late = asking.request('take', null, { passenger, timeoutMs: 1 });
    await assert.rejects(late, { code: 'ERR_CALL_TIMEOUT' });
    assert.equal(releasedCount(), 0);
    await assert.rejects(asking.request('anything', 1), { code: 'ERR_CALL_TOO_MANY' });
    const taken = Buffer.from('{"type":"taken","id":1}');
    for (let count = 0; count < 2; count += 1) {
      here.deliver({ kind: FrameKind.message, payload: taken, handle: undefined, handleLost: false });
    }
    assert.equal(releasedCount(), 1);
    await assert.rejects(asking.request('anything', 1, { timeoutMs: 1 }), { code: 'ERR_CALL_TIMEOUT' });
  });
});

describe('a handle that arrives', () => {
  const frameOf = (message: unknown, handle: FakeHandle): Frame => ({
    kind: FrameKind.message,
    payload: Buffer.from(JSON.stringify(message)),
    handle: handle.native,
    handleLost: false,
  });

  test('belongs to the handler of its request, and is left alone', async () => {
    const { asking, answering } = peerPair();
    const { passenger, handle } = boarding();
    let got: unknown;
    answering.handle('take', (_, context) => {
      got = context.handle;
      return 'done';
    });
    await asking.request('take', null, { passenger });
    assert.equal(got, handle.native);
    assert.equal(handle.closedCount, 0);
  });

  test('with an answer belongs to who asked for it, and is closed for who did not', async () => {
    const { asking, answering } = peerPair();
    const handle = new FakeHandle();
    answering.handle('anything', () => new AnswerWithHandle('here', handle.native));
    assert.deepEqual(await asking.requestWithHandle('anything', 1), { value: 'here', handle: handle.native });
    assert.equal(handle.closedCount, 0);
    assert.equal(await asking.request('anything', 1), 'here');
    assert.equal(handle.closedCount, 1);
  });

  test('with an answer and is lost rejects the request', async () => {
    const { asking, answering, there } = peerPair();
    there.losesHandles = true;
    answering.handle('anything', () => new AnswerWithHandle('here', new FakeHandle().native));
    await assert.rejects(asking.request('anything', 1), { code: 'ERR_CALL_SOCKET_LOST' });
  });

  test('is closed once when nobody wants it', async () => {
    const strays: unknown[] = [
      { type: 'result', id: 99 },
      { type: 'error', id: 99, error: {} },
      { type: 'taken', id: 99 },
      { type: 'notice', method: 'told', params: 'x' },
      { type: 'request', id: 1, method: 'unknown' },
      { type: 'nonsense' },
    ];
    for (const message of strays) {
      const { answering, there } = peerPair();
      answering.handle('told', () => null);
      const handle = new FakeHandle();
      there.deliver(frameOf(message, handle));
      await settle();
      assert.equal(handle.closedCount, 1, JSON.stringify(message));
    }
  });

  test('is closed once when too much is in work, or the link has ended', async () => {
    for (const ended of [false, true]) {
      const pair = peerPair({ maxIncomingCount: 0 });
      pair.answering.handle('take', assert.fail);
      if (ended) pair.there.end({ reason: 'peer-gone' });
      const handle = new FakeHandle();
      pair.there.deliver(frameOf({ type: 'request', id: 1, method: 'take' }, handle));
      await settle();
      assert.equal(handle.closedCount, 1);
      assert.deepEqual(
        pair.there.messages.map(({ type, error }) => error?.code ?? type),
        ended ? [] : ['taken', 'ERR_CALL_TOO_MANY'],
      );
    }
  });
});

describe('a peer whose link has ended', () => {
  test('sends no answer any more', async () => {
    const pair = peerPair();
    let release = (): void => undefined;
    pair.answering.handle('anything', () => new Promise((resolve) => (release = () => resolve(1))));
    pair.asking.request('anything', 1).catch(() => undefined);
    await settle();
    pair.there.end({ reason: 'peer-gone' });
    release();
    await settle();
    assert.deepEqual(pair.there.sent, []);
    pair.here.end({ reason: 'peer-gone' });
  });

  test('is not kept by a handler that never answers, nor by a request that was never answered', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const abandoned = await abandon();
    for (let count = 0; count < 50 && abandoned.some((peer) => peer.deref() !== undefined); count += 1) {
      await settle();
      collect();
    }
    assert.deepEqual(
      abandoned.map((peer) => peer.deref()),
      [undefined, undefined],
    );
  });
});

/** Two peers with a request between them that nobody answers, whose link ends. */
async function abandon(): Promise<
  [WeakRef<Peer<Questions, NoQuestions>>, WeakRef<Peer<NoQuestions, Questions>>]
> {
  const { asking, answering, here, there } = peerPair();
  answering.handle('anything', () => new Promise(() => undefined));
  const request = asking.request('anything', 1);
  await settle();
  here.end({ reason: 'peer-gone' });
  there.end({ reason: 'peer-gone' });
  await assert.rejects(request, { code: 'ERR_CALL_LOST' });
  return [new WeakRef(asking), new WeakRef(answering)];
}

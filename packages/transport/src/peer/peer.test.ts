import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { peerPair, turn } from './peer-pair.test.kit.js';
import type { PeerPair, Questions } from './peer-pair.test.kit.js';

function answerAdd({ answering }: PeerPair): void {
  answering.handle('add', (params) => {
    const { a, b } = params as Questions['add']['params'];
    return a + b;
  });
}

describe('a request', () => {
  test('resolves with what its handler returns, now or later', async () => {
    const pair = peerPair();
    answerAdd(pair);
    pair.answering.handle('anything', async (params) => await Promise.resolve([params]));
    assert.equal(await pair.asking.request('add', { a: 1, b: 2 }), 3);
    assert.deepEqual(await pair.asking.request('anything', { text: 'ÿ€😀\u0000' }), [{ text: 'ÿ€😀\u0000' }]);
  });

  test('gets its own answer, whatever the order of the answers', async () => {
    const pair = peerPair();
    const release: (() => void)[] = [];
    pair.answering.handle(
      'anything',
      (params) => new Promise((resolve) => release.push(() => resolve(params))),
    );
    const answers = [0, 1, 2].map((number) => pair.asking.request('anything', number));
    while (release.length < 3) await turn();
    for (const resolve of release.toReversed()) resolve();
    assert.deepEqual(await Promise.all(answers), [0, 1, 2]);
  });

  test('rejects with the code, message, facts and stack of what its handler threw', async () => {
    const pair = peerPair();
    const thrown = new VhostError('ERR_LISTEN_ADDRESS', 'the port is taken', { info: { port: 80 } });
    pair.answering.handle('add', () => {
      throw thrown;
    });
    pair.answering.handle('anything', () => Promise.reject(new TypeError('later')));
    await assert.rejects(pair.asking.request('add', { a: 1, b: 2 }), (error: VhostError) => {
      assert.deepEqual(
        [error.code, error.message, error.info, error.stack],
        [thrown.code, thrown.message, thrown.info, thrown.stack],
      );
      return true;
    });
    await assert.rejects(pair.asking.request('anything', 1), { code: 'ERR_CALL_FAILED', message: 'later' });
  });

  test('rejects when nothing answers the method, one of Object’s names too', async () => {
    const { asking } = peerPair();
    await assert.rejects(asking.request('add', { a: 1, b: 2 }), {
      code: 'ERR_CALL_UNKNOWN',
      info: { method: 'add' },
    });
    for (const name of ['constructor', '__proto__', 'toString']) {
      await assert.rejects(asking.request(name as 'anything', 1), { code: 'ERR_CALL_UNKNOWN' });
    }
  });

  test('rejects at its time limit, and ignores the answer that comes later', async () => {
    const pair = peerPair({ timeoutMs: 20 });
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    pair.answering.handle('anything', () => released);
    const info = { method: 'anything', timeoutMs: 20 };
    await assert.rejects(pair.asking.request('anything', 1), { code: 'ERR_CALL_TIMEOUT', info });
    release();
    while (!pair.there.messages.some(({ type }) => type === 'result')) await turn();
    await turn();
    answerAdd(pair);
    assert.equal(await pair.asking.request('add', { a: 1, b: 2 }, { timeoutMs: 60_000 }), 3);
    assert.deepEqual(pair.violations, []);
  });

  test('takes a time limit that is too long for a timer as the longest, a senseless one as none left', async () => {
    const pair = peerPair();
    answerAdd(pair);
    for (const timeoutMs of [Infinity, 2 ** 40, 2 ** 31]) {
      assert.equal(await pair.asking.request('add', { a: 1, b: 2 }, { timeoutMs }), 3);
    }
    pair.answering.handle('anything', () => new Promise(() => undefined));
    for (const timeoutMs of [0, -1, NaN]) {
      await assert.rejects(pair.asking.request('anything', 1, { timeoutMs }), { code: 'ERR_CALL_TIMEOUT' });
    }
  });

  test('rejects when the link ends, and so does every later one', async () => {
    const pair = peerPair();
    pair.answering.handle('anything', () => new Promise(() => undefined));
    const pending = [1, 2].map((number) => pair.asking.request('anything', number));
    pair.here.end({ reason: 'peer-gone' });
    pending.push(pair.asking.request('anything', 3));
    for (const request of pending) {
      await assert.rejects(request, (error: VhostError) => {
        assert.equal(error.code, 'ERR_CALL_LOST');
        assert.deepEqual(error.info, { method: 'anything' });
        assert.equal((error.cause as VhostError).code, 'ERR_LINK_LOST');
        assert.match(error.message, /the other end is gone/);
        return true;
      });
    }
    assert.equal(pair.asking.notify('told', 'x'), false);
  });

  test('rejects when the peer does not read, when the link just closed, and when sending throws', async () => {
    const { asking, here } = peerPair();
    here.reads = false;
    here.queuedBytes = 77;
    const info = { method: 'anything', queuedBytes: 77 };
    await assert.rejects(asking.request('anything', 1), { code: 'ERR_CALL_QUEUE_FULL', info });
    here.open = false;
    await assert.rejects(asking.request('anything', 1), { code: 'ERR_CALL_LOST' });
    here.failure = new VhostError('ERR_NODE_INTERNALS', 'no way to write');
    await assert.rejects(asking.request('anything', 1), { code: 'ERR_NODE_INTERNALS' });
  });

  test('rejects when its params are no JSON or too large; nothing is sent, nothing remains', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const pair = peerPair({ maxOutgoingCount: 1 });
    answerAdd(pair);
    for (const params of [cycle, 1n, { toJSON: () => assert.fail('no') }]) {
      await assert.rejects(pair.asking.request('anything', params), { code: 'ERR_CALL_NOT_JSON' });
    }
    await assert.rejects(pair.asking.request('anything', 'é'.repeat(5000)), { code: 'ERR_CALL_TOO_LARGE' });
    assert.equal(pair.here.sent.length, 0);
    assert.equal(await pair.asking.request('add', { a: 1, b: 2 }), 3);
  });

  test('rejects when its answer is no JSON or too large', async () => {
    const pair = peerPair();
    const results: [result: unknown, code: string][] = [
      [1n, 'ERR_CALL_NOT_JSON'],
      ['é'.repeat(5000), 'ERR_CALL_TOO_LARGE'],
    ];
    for (const [result, code] of results) {
      pair.answering.handle('anything', () => result);
      await assert.rejects(pair.asking.request('anything', 1), { code });
    }
    pair.answering.handle('anything', () => {
      throw new VhostError('ERR_WORKER_FAILED', 'odd facts', { info: { big: 1n, port: 80 } });
    });
    await assert.rejects(pair.asking.request('anything', 1), {
      code: 'ERR_WORKER_FAILED',
      info: { port: 80 },
    });
    pair.answering.handle('anything', () => {
      throw new Error('x'.repeat(20_000));
    });
    await assert.rejects(pair.asking.request('anything', 1), { code: 'ERR_CALL_TOO_LARGE' });
  });

  test('is refused above the count that may wait, and above the count that may be in work', async () => {
    const pair = peerPair({ maxOutgoingCount: 3, maxIncomingCount: 2 });
    const release: (() => void)[] = [];
    pair.answering.handle('anything', () => new Promise((resolve) => release.push(() => resolve('done'))));
    const accepted = [1, 2].map((number) => pair.asking.request('anything', number));
    const third = pair.asking.request('anything', 3);
    await assert.rejects(pair.asking.request('anything', 4), {
      code: 'ERR_CALL_TOO_MANY',
      info: { method: 'anything', limit: 3 },
    });
    await assert.rejects(third, { code: 'ERR_CALL_TOO_MANY', info: { method: 'anything', limit: 2 } });
    for (const resolve of release) resolve();
    assert.deepEqual(await Promise.all(accepted), ['done', 'done']);
    answerAdd(pair);
    assert.equal(await pair.asking.request('add', { a: 1, b: 2 }), 3);
  });

  test('accepts only methods of the map, with their params', () => {
    const check = ({ asking, answering }: PeerPair): void => {
      // @ts-expect-error no such method
      void asking.request('subtract', { a: 1, b: 2 });
      // @ts-expect-error a param is missing
      void asking.request('add', { a: 1 });
      // @ts-expect-error a param of another type
      asking.notify('told', 7);
      // @ts-expect-error this end is asked nothing
      asking.handle('add', () => 1);
      // @ts-expect-error a result of another type
      answering.handle('add', () => 'three');
      // @ts-expect-error params are unknown until they are narrowed
      answering.handle('add', (params: { a: number; b: number }) => params.a);
      const result: Promise<number> = asking.request('add', { a: 1, b: 2 });
      // @ts-expect-error the result has the type of the map
      const text: Promise<string> = asking.request('add', { a: 1, b: 2 });
      void [result, text];
    };
    assert.equal(typeof check, 'function');
  });
});

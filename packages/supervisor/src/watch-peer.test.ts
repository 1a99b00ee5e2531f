// What is told of a peer that answers, is silent, or answers with an error, on a clock that the tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import type { ErrorCode } from '@vhostd/protocol';
import { FakeOs } from './fake-os.test.kit.js';
import { watchPeer } from './watch-peer.js';
import type { PeerWatch } from './watch-peer.js';

class Bench {
  readonly os = new FakeOs();
  readonly told: string[] = [];
  readonly limitsMs: number[] = [];
  /** What each ping comes to; undefined: nothing yet. */
  answer: { value: unknown } | { code: ErrorCode } | undefined;

  watch(bootTimeoutMs?: number): PeerWatch {
    return watchPeer(this, {
      ...(bootTimeoutMs === undefined ? {} : { bootTimeoutMs }),
      intervalMs: 1000,
      limitMs: 5000,
      os: this.os,
      onAnswer: (answer) => this.told.push(`answer ${String(answer)}`),
      onAlive: () => this.told.push('alive'),
      onLost: (why) => this.told.push(why),
    });
  }

  request(_method: 'ping', _params: null, { timeoutMs }: { timeoutMs: number }): Promise<unknown> {
    this.limitsMs.push(timeoutMs);
    if (this.answer === undefined) return new Promise(() => undefined);
    if ('code' in this.answer) return Promise.reject(new VhostError(this.answer.code, 'no'));
    return Promise.resolve(this.answer.value);
  }

  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 1000) {
      this.os.advance(1000);
      await new Promise(setImmediate);
    }
  }
}

test('a peer that answers is told alive once, and each of its answers', async () => {
  const bench = new Bench();
  bench.answer = { value: 1 };
  const watch = bench.watch(700);
  await bench.pass(2000);
  watch.stop();
  assert.deepEqual(bench.told, ['alive', 'answer 1', 'answer 1', 'answer 1']);
  assert.deepEqual(bench.limitsMs, [700, 5000, 5000]);
  assert.deepEqual(bench.os.pendingRefs, []);
});

test('an error that the peer answers is a sign of life', async () => {
  const bench = new Bench();
  bench.answer = { code: 'ERR_CALL_TOO_MANY' };
  const watch = bench.watch(700);
  await bench.pass(20_000);
  watch.stop();
  assert.deepEqual(bench.told, ['alive']);
});

test('a peer without a first answer in time is lost, and so is one that falls silent later', async () => {
  const first = new Bench();
  first.answer = { code: 'ERR_CALL_TIMEOUT' };
  first.watch(700);
  await first.pass(10_000);
  assert.deepEqual(first.told, ['no first answer within 700 ms']);
  assert.equal(first.limitsMs.length, 1);

  const later = new Bench();
  later.answer = { value: 1 };
  later.watch();
  await later.pass(1000);
  later.answer = undefined;
  later.told.length = 0;
  await later.pass(10_000);
  assert.deepEqual(later.told, ['no answer for 5000 ms']);
});

test('of a link that has ended nothing is told: its owner knows', async () => {
  const bench = new Bench();
  bench.answer = { code: 'ERR_CALL_LOST' };
  bench.watch(700);
  await bench.pass(10_000);
  assert.deepEqual(bench.told, []);
});

test('a watch that was stopped tells nothing, not even of an answer that was on its way', async () => {
  const bench = new Bench();
  bench.answer = { value: 1 };
  bench.watch(700).stop();
  await bench.pass(10_000);
  assert.deepEqual(bench.told, []);
  assert.equal(bench.limitsMs.length, 1);
});

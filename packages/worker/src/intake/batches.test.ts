import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { BatchOffer } from '@vhostd/transport';
import { Batches } from './batches.js';

/** Descriptors that are nobody's: nothing arrives over them. */
const FDS = [1_000_000, 1_000_001] as const;

function scene(wish: BatchOffer['wish'] | undefined): { batches: Batches; askedCount: () => number } {
  let askedCount = 0;
  const batches = new Batches(wish === undefined ? undefined : { fds: FDS, wish }, {
    ask: async () => {
      askedCount += 1;
      return false;
    },
    onConnection: () => assert.fail('a connection'),
  });
  return { batches, askedCount: () => askedCount };
}

function clock(t: TestContext): { nowMs: number } {
  const time = { nowMs: 1_000_000 };
  const now = mock.method(performance, 'now', () => time.nowMs);
  t.after(() => now.mock.restore());
  return time;
}

test('they are asked for when the site is ready, where they are wished for', () => {
  const { batches, askedCount } = scene('always');
  assert.equal(askedCount(), 0);
  batches.begin();
  batches.begin();
  for (let count = 0; count < 1000; count += 1) batches.note();
  assert.equal(askedCount(), 1);
});

test('where they are to pay, they are asked for when many connections come in a second', (t) => {
  const time = clock(t);
  const { batches, askedCount } = scene('busy');
  batches.begin();
  // One every 20 ms.
  for (let count = 0; count < 500; count += 1) {
    time.nowMs += 20;
    batches.note();
  }
  assert.equal(askedCount(), 0);
  for (let count = 0; count < 200; count += 1) {
    time.nowMs += 5;
    batches.note();
  }
  assert.equal(askedCount(), 1);
});

test('a master that has none to offer is not asked, nor one of a worker that takes nothing more', (t) => {
  clock(t);
  const without = scene(undefined);
  without.batches.begin();
  const closed = scene('always');
  closed.batches.close();
  closed.batches.begin();
  for (const { batches, askedCount } of [without, closed]) {
    for (let count = 0; count < 1000; count += 1) batches.note();
    assert.equal(askedCount(), 0);
  }
});

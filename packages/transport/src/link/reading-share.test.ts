import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadingShare } from './reading-share.js';

const OPTIONS = { part: 0.2, burstMs: 200, lastingMs: 10_000 };

void test('work within the burst, or within its part of the time, waits for nothing', () => {
  const share = new ReadingShare(OPTIONS);
  assert.equal(share.charge(200, 0), 0);
  for (let nowMs = 100; nowMs < 100_000; nowMs += 100) assert.equal(share.charge(20, nowMs), 0);
  assert.equal(share.isLasting(100_000), false);
});

void test('more work waits until its part of the time has paid for it', () => {
  const share = new ReadingShare(OPTIONS);
  assert.equal(share.charge(250, 0), 250);
  assert.equal(share.charge(1, 250), 5);
  assert.equal(share.charge(0, 255), 0);
});

void test('excess that goes on is lasting, and one that is over for a while is forgotten', () => {
  const share = new ReadingShare(OPTIONS);
  let nowMs = 0;
  for (; nowMs < 10_000; nowMs += 100) share.charge(300, nowMs);
  assert.equal(share.isLasting(nowMs), true);
  const other = new ReadingShare(OPTIONS);
  other.charge(300, 0);
  other.charge(0, 9000);
  other.charge(1000, 9001);
  assert.equal(other.isLasting(12_000), false);
});

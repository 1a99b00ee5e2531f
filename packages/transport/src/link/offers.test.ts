import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Claims, Offers } from './offers.js';

/** Both sides, in one process. */
function pair(t: TestContext): { offers: Offers; claims: Claims } {
  const offers = new Offers();
  t.after(() => {
    offers.close();
    closeSync(offers.childFd);
  });
  return { offers, claims: new Claims(offers.childFd) };
}

void test('what was offered can be claimed once, in order', (t) => {
  const { offers, claims } = pair(t);
  for (const number of [1, 2, 3]) assert.equal(offers.offer(number), true);
  assert.deepEqual(
    [1, 2, 3].map((number) => claims.claim(number)),
    [true, true, true],
  );
  assert.equal(claims.claim(3), false);
  assert.deepEqual(offers.takeBack(3), new Set());
});

void test('any number of them can be offered, and what was not sent is not taken back', (t) => {
  const { offers, claims } = pair(t);
  for (let number = 1; number <= 1000; number += 1) {
    assert.equal(offers.offer(number), true);
    if (number <= 990) assert.equal(claims.claim(number), true);
  }
  assert.deepEqual([...offers.takeBack(1000)], [991, 992, 993, 994, 995, 996, 997, 998, 999, 1000]);
});

void test('of what follows something that was taken back, nothing is claimed before it comes', (t) => {
  const { offers, claims } = pair(t);
  for (const number of [1, 2, 3]) offers.offer(number);
  assert.deepEqual(offers.takeBack(2), new Set([1, 2]));
  offers.offer(3);
  assert.deepEqual([claims.claim(1), claims.claim(2)], [false, false]);
  // The child dies now, and has begun with none.
  assert.deepEqual(offers.takeBack(3), new Set([3]));
  assert.equal(claims.claim(3), false);
  offers.offer(4);
  assert.equal(claims.claim(4), true);
});

void test('what a dead child has left can be taken back', (t) => {
  const { offers, claims } = pair(t);
  for (const number of [1, 2, 3]) offers.offer(number);
  claims.claim(1);
  offers.end();
  assert.equal(offers.offer(4), false);
  assert.deepEqual([offers.takeBack(3), offers.takeBack(3)], [new Set([2, 3]), new Set()]);
});

void test('what was taken back cannot be claimed, and what follows it can', (t) => {
  const { offers, claims } = pair(t);
  for (const number of [1, 2, 3]) offers.offer(number);
  assert.equal(claims.claim(1), true);
  assert.deepEqual(offers.takeBack(3), new Set([2, 3]));
  offers.offer(4);
  assert.deepEqual(
    [2, 3, 4].map((number) => claims.claim(number)),
    [false, false, true],
  );
});

void test('what never came, because it was not sent, is passed over', (t) => {
  const { offers, claims } = pair(t);
  for (const number of [0xffff_fffe, 0xffff_ffff, 0, 1]) offers.offer(number);
  assert.deepEqual(
    [0xffff_ffff, 1].map((number) => claims.claim(number)),
    [true, true],
  );
});

void test('with the parent gone, what it has not taken back is still claimed', (t) => {
  const { offers, claims } = pair(t);
  for (const number of [1, 2]) offers.offer(number);
  offers.close();
  assert.deepEqual([offers.offer(3), offers.takeBack(2)], [false, new Set()]);
  assert.deepEqual(
    [1, 2].map((number) => claims.claim(number)),
    [true, true],
  );
});

void test('a child that fills the FIFO, or reads half a number, stops nobody', (t) => {
  const { offers, claims } = pair(t);
  const fd = openSync(`/proc/self/fd/${offers.childFd}`, 'r+');
  t.after(() => closeSync(fd));
  writeSync(fd, Buffer.alloc(65_536, 0xff));
  assert.equal(offers.offer(1), false);
  assert.deepEqual(offers.takeBack(0), new Set());
  assert.equal(offers.offer(1), true);
  readSync(offers.childFd, Buffer.alloc(3));
  assert.equal(claims.claim(1), false);
  offers.takeBack(1);
  assert.deepEqual(offers.takeBack(1), new Set());
});

import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { DescriptorRoom } from './descriptor-room.js';

void test('the last quarter of the descriptors, 128 at most, are the reserve', () => {
  const room = (limit: number): DescriptorRoom => new DescriptorRoom(() => limit);
  assert.deepEqual(
    [47, 48, 63].map((fd) => room(64).missing(fd)),
    [0, 1, 16],
  );
  assert.deepEqual(
    [99_871, 99_872].map((fd) => room(100_000).missing(fd)),
    [0, 1],
  );
  assert.equal(room(Infinity).missing(1e9), 0);
  assert.equal(room(10).missing(undefined), 0);
});

void test('a limit that is changed from outside counts a moment later', () => {
  let [limit, nowMs] = [64, 0];
  const room = new DescriptorRoom(
    () => limit,
    () => nowMs,
  );
  assert.ok(room.missing(60) > 0);
  limit = 1000;
  assert.ok(room.missing(60) > 0);
  nowMs = 1000;
  assert.equal(room.missing(60), 0);
});

void test('the limit is that of this process', () => {
  const fd = openSync('/dev/null', 'r');
  closeSync(fd);
  const room = new DescriptorRoom();
  assert.deepEqual([room.missing(fd), room.missingNow()], [0, 0]);
  assert.equal(room.missing(2 ** 31) > 0, process.platform === 'linux');
});

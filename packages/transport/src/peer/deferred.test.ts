import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deferred } from './deferred.js';

void test('a deferred is settled once, by whoever comes first', async () => {
  const resolved = new Deferred<number>();
  resolved.resolve(1);
  resolved.resolve(2);
  resolved.reject(new Error('late'));
  assert.equal(await resolved.promise, 1);
  const rejected = new Deferred<number>();
  rejected.reject(new Error('first'));
  rejected.resolve(1);
  await assert.rejects(rejected.promise, { message: 'first' });
});

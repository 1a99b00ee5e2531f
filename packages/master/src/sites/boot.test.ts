import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Boot } from './boot.js';

const BOOM = { code: 'ERR_WORKER_FAILED', message: 'boom' };

/** What a promise has resolved with by now, or `pending`. */
async function now(promise: Promise<unknown>): Promise<unknown> {
  return await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, 'pending'))]);
}

test('it ends with the first success', async () => {
  const boot = new Boot();
  assert.equal(await now(boot.outcome), 'pending');
  boot.succeed();
  assert.deepEqual([await boot.outcome, boot.open], [undefined, false]);
});

test('a success behind a failure that has been told is what is told from then on', async () => {
  const boot = new Boot();
  const told = boot.outcome;
  boot.fail(BOOM);
  assert.deepEqual(await told, BOOM);
  assert.deepEqual(boot.failure, BOOM);
  boot.succeed();
  assert.deepEqual([await boot.outcome, boot.failure, boot.open], [undefined, undefined, false]);
});

test('who asks behind a told failure, once it has begun again, hears of what follows', async () => {
  const boot = new Boot();
  boot.fail(BOOM);
  boot.reopen();
  assert.deepEqual([await now(boot.outcome), boot.failure], ['pending', undefined]);
  boot.succeed();
  assert.equal(await boot.outcome, undefined);
});

test('failed starts are told at the third, a slow one at once', async () => {
  const quick = new Boot();
  assert.deepEqual([quick.startFailed(BOOM, false), quick.startFailed(BOOM, false)], [false, false]);
  assert.deepEqual([await now(quick.outcome), quick.failure], ['pending', undefined]);
  assert.equal(quick.startFailed(BOOM, false), true);
  assert.deepEqual([await quick.outcome, quick.failure], [BOOM, BOOM]);
  const slow = new Boot();
  assert.equal(slow.startFailed(BOOM, true), true);
  assert.deepEqual(await slow.outcome, BOOM);
});

// The delays between restarts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, resolveBackoff } from './backoff.js';

void test('the delay grows by its factor up to its cap and stays there', () => {
  const backoff = new Backoff(resolveBackoff({ baseMs: 100, factor: 2, capMs: 1000 }));
  assert.deepEqual(take(backoff, 6), [100, 200, 400, 800, 1000, 1000]);
});

void test('the cap holds after any number of restarts', () => {
  const backoff = new Backoff(resolveBackoff({ baseMs: 1, factor: 10, capMs: 5000 }));
  assert.equal(take(backoff, 2000).at(-1), 5000);
});

void test('a child that was ready long enough starts over, one that was not does not', () => {
  const backoff = new Backoff(resolveBackoff({ baseMs: 100, factor: 2, capMs: 1000, resetAfterMs: 50 }));
  assert.deepEqual(take(backoff, 3), [100, 200, 400]);
  assert.equal(backoff.next(49), 800);
  assert.equal(backoff.next(50), 100);
  assert.equal(backoff.next(0), 200);
});

void test('a child that was never ready does not start over, whatever the time asked for', () => {
  const backoff = new Backoff(resolveBackoff({ baseMs: 100, factor: 2, capMs: 1000, resetAfterMs: 0 }));
  assert.deepEqual(take(backoff, 2), [100, 200]);
  assert.equal(backoff.next(1), 100);
});

void test('a base above the usual cap is its own cap', () => {
  assert.equal(resolveBackoff({ baseMs: 20_000 }).capMs, 20_000);
});

void test('a number out of range is refused by name', () => {
  const wrong = [{ baseMs: 0 }, { factor: 0.5 }, { capMs: 50 }, { resetAfterMs: -1 }, { capMs: 2 ** 31 }];
  for (const options of wrong) {
    assert.throws(() => resolveBackoff(options), { code: 'ERR_SUPERVISOR_OPTION' }, JSON.stringify(options));
  }
});

function take(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.next(0));
}

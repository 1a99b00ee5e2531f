import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewalTime, retryTime } from './schedule.js';

const DAY_MS = 24 * 60 * 60 * 1000;

void test('a certificate of 90 days is renewed after 60, one of six days after four', () => {
  for (const [days, at] of [
    [90, 60],
    [6, 4],
  ] as const) {
    const notBefore = new Date(0).toISOString();
    const notAfter = new Date(days * DAY_MS).toISOString();
    assert.equal(renewalTime({ issuer: '', serialNumber: '', notBefore, notAfter }), at * DAY_MS);
  }
});

void test('it is tried again after 5 s, then twice as late each time, up to an hour', () => {
  const delays = [1, 2, 3, 10, 11, 1000].map((count) => (retryTime(count, 7000) - 7000) / 1000);
  assert.deepEqual(delays, [5, 10, 20, 2560, 3600, 3600]);
});

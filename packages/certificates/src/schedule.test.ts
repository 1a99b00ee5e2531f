import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedRetryTime, renewalTime, retryTime, windowTime } from './schedule.js';

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

void test('after so many looks in vain as an authority allows within an hour, it is waited for the next hour', () => {
  const minute = 60_000;
  const times = [0, 1, 2, 4, 8].map((at) => at * minute);
  const delays = times.map(
    (now, index) => (refusedRetryTime(times.slice(0, index + 1), 5, now) - now) / 1000,
  );
  assert.deepEqual(delays, [30, 60, 120, 240, 60 * 60 - 8 * 60 + 30]);
  assert.equal(refusedRetryTime(times, 5, 62 * minute), 62 * minute + 30_000 * 2);
});

void test('a time is chosen within the window of the authority, but not in the first two hours of a life or when little of it is left', () => {
  const facts = {
    issuer: '',
    serialNumber: '',
    notBefore: new Date(0).toISOString(),
    notAfter: new Date(10 * DAY_MS).toISOString(),
  };
  assert.equal(windowTime({ start: 2 * DAY_MS, end: 4 * DAY_MS }, facts, 0.5), 3 * DAY_MS);
  assert.equal(windowTime({ start: 20 * DAY_MS, end: 40 * DAY_MS }, facts, 0.5), 9 * DAY_MS);
  assert.equal(windowTime({ start: -DAY_MS, end: -2 * DAY_MS }, facts, 0.5), DAY_MS / 12);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWorkerStats } from './worker-stats.js';

const BASE = { residentBytes: 2 ** 40, requestCount: 0, cpuMs: 1.5 };
const MEASURED = {
  ...BASE,
  requests: {
    started: 3,
    answered: [0, 1, 0, 0, 1],
    durations: [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    durationMs: 4.5,
  },
  loopDelay: { p50Ms: 0, p99Ms: 1.5, maxMs: 20 },
};

test('an amount is one with which can be reckoned on', () => {
  for (const cpuMs of [1.797e308, Infinity, NaN, -1, 2 ** 53])
    assert.equal(parseWorkerStats({ ...BASE, cpuMs }), undefined, `${cpuMs}`);
});

test('the answer to a ping is what a worker tells of itself; whatever else it holds is dropped', () => {
  assert.deepEqual(parseWorkerStats({ ...BASE, more: 1 }), BASE);
  for (const accessLog of [{ lostLines: 0 }, { lostLines: 3, fault: 'ENOSPC' }]) {
    const told = parseWorkerStats({ ...BASE, accessLog: { ...accessLog, more: 1 } });
    assert.deepEqual(told, { ...BASE, accessLog });
  }
  for (const refused of [{}, { 'other-host': 3, 'too-many-fields': 2 ** 53 - 1 }]) {
    const more = { 'no-such-reason': 1, ['__proto__']: 5, toString: 6, 'no-site': 'x' };
    assert.deepEqual(parseWorkerStats({ ...BASE, refused: { ...more, ...refused } }), { ...BASE, refused });
  }
  const long = parseWorkerStats({ ...BASE, accessLog: { lostLines: 0, fault: 'x'.repeat(9_999) } });
  assert.equal(long?.accessLog?.fault?.length, 500);
  const { requests, loopDelay } = MEASURED;
  const more = { requests: { ...requests, more: 1 }, loopDelay: { ...loopDelay, more: 1 }, more: 1 };
  assert.deepEqual(parseWorkerStats({ ...MEASURED, ...more }), MEASURED);
});

test('anything else tells nothing', () => {
  const noAmount = [-1, Number.NaN, Infinity, '1', null, [1], {}];
  const noCount = [...noAmount, 1.5, 2 ** 53];
  const others: unknown[] = [null, undefined, 7, 'x', [], {}];
  const { requests, loopDelay } = MEASURED;
  const answers = [
    ...others,
    ...[null, 7, 'x'].map((refused) => ({ ...BASE, refused })),
    ...[...noCount, undefined].flatMap((value) => [
      { ...BASE, residentBytes: value },
      { ...BASE, requestCount: value },
      { ...BASE, accessLog: { lostLines: value } },
      ...(value === undefined ? [] : [{ ...BASE, refused: { 'other-host': value } }]),
      { ...MEASURED, requests: { ...requests, started: value } },
      { ...MEASURED, requests: { ...requests, answered: [0, 0, 0, 0, value] } },
      { ...MEASURED, requests: { ...requests, answered: value } },
      { ...MEASURED, requests: { ...requests, durations: [...requests.durations.slice(1), value] } },
    ]),
    ...[...noAmount, undefined].flatMap((value) => [
      { ...BASE, cpuMs: value },
      { ...MEASURED, requests: { ...requests, durationMs: value } },
      { ...MEASURED, loopDelay: { ...loopDelay, p99Ms: value } },
      { ...MEASURED, loopDelay: value },
      { ...MEASURED, requests: value },
    ]),
    { ...MEASURED, requests: { ...requests, answered: [...requests.answered, 0] } },
    { ...MEASURED, requests: { ...requests, durations: requests.durations.slice(1) } },
  ];
  for (const answer of answers) assert.equal(parseWorkerStats(answer), undefined, JSON.stringify(answer));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWorkerStats } from './worker-stats.js';

test('the answer to a ping is two whole numbers; whatever else it holds is dropped', () => {
  const stats = { residentBytes: 2 ** 40, requestCount: 0 };
  assert.deepEqual(parseWorkerStats({ ...stats, more: 1 }), stats);
});

test('anything else tells nothing', () => {
  const whole = { residentBytes: 1, requestCount: 1 };
  const wrong = [-1, 1.5, Number.NaN, Infinity, 2 ** 53, '1', null, undefined, [1], {}];
  const others: unknown[] = [null, undefined, 7, 'x', [], {}];
  const answers = [
    ...others,
    ...wrong.flatMap((value) => [
      { ...whole, residentBytes: value },
      { ...whole, requestCount: value },
    ]),
  ];
  for (const answer of answers) assert.equal(parseWorkerStats(answer), undefined, JSON.stringify(answer));
});

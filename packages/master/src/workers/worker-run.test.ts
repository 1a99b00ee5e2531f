import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerRun } from './worker-run.js';

test('what a worker has refused grows by what it tells more than ever before', () => {
  const run = new WorkerRun();
  const grown = (count: number): unknown => run.newlyRefused({ 'other-host': count });
  assert.deepEqual(run.newlyRefused({}), []);
  assert.deepEqual(grown(2), [{ reason: 'other-host', count: 2 }]);
  assert.deepEqual(grown(2), []);
  // It can't take back what it has said, nor say it once more.
  assert.deepEqual([grown(0), grown(2)], [[], []]);
  assert.deepEqual(run.newlyRefused({ 'other-host': 5, 'host-path': 1 }), [
    { reason: 'host-path', count: 1 },
    { reason: 'other-host', count: 3 },
  ]);
});

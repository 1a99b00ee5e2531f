import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toScale, workersFact } from './worker-set.js';
import type { WorkerRecord } from './worker-set.js';

const READY = { ready: true, errored: false, finished: false };
const BOOTING = { ready: false, errored: false, finished: false };
const ERRORED = { ready: false, errored: true, finished: false };
const FINISHED = { ready: false, errored: false, finished: true };

function workers(...records: Omit<WorkerRecord, 'slot'>[]): WorkerRecord[] {
  return records.map((record, slot) => ({ slot, ...record }));
}

test('workers are failed when all are given up, settled when each is ready or given up', () => {
  assert.equal(workersFact([]), undefined);
  assert.equal(workersFact(workers(ERRORED, ERRORED)), 'workers-failed');
  assert.equal(workersFact(workers(ERRORED, BOOTING)), 'workers-none');
  assert.equal(workersFact(workers(BOOTING)), 'workers-none');
  assert.equal(workersFact(workers(READY, BOOTING)), 'workers-ready');
  assert.equal(workersFact(workers(READY, ERRORED)), 'workers-settled');
  assert.equal(workersFact(workers(READY, READY)), 'workers-settled');
});

test('workers are finished when all are, and a job that is left undone by one of them has failed', () => {
  assert.equal(workersFact(workers(FINISHED, FINISHED)), 'workers-finished');
  assert.equal(workersFact(workers(FINISHED, ERRORED)), 'workers-failed');
  assert.equal(workersFact(workers(FINISHED, BOOTING)), 'workers-none');
  assert.equal(workersFact(workers(FINISHED, READY)), 'workers-settled');
});

test('a generation grows by the slots that it lacks, and shrinks by the highest', () => {
  const [first, second, third] = workers(READY, READY, READY);
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  assert.deepEqual(toScale([third, first], 4), { missing: [1, 3], surplus: [] });
  assert.deepEqual(toScale([first, second, third], 1), { missing: [], surplus: [second, third] });
});

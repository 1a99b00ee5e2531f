import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from './turns.js';

test('so much is under way at the same time, the rest waits in order, whatever becomes of what was before', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: ((failed: boolean) => void)[] = [];
  const all = [0, 1, 2, 3].map((index) =>
    turns.run(
      () =>
        new Promise<number>((resolve, reject) => {
          begun.push(index);
          ends[index] = (failed) => (failed ? reject(new Error('failed')) : resolve(index));
        }),
    ),
  );
  await new Promise(setImmediate);
  assert.deepEqual(begun, [0, 1]);
  ends[1]?.(true);
  await assert.rejects(all[1] ?? Promise.resolve(), /failed/);
  await new Promise(setImmediate);
  assert.deepEqual(begun, [0, 1, 2]);
  ends[0]?.(false);
  ends[2]?.(false);
  await Promise.all([all[0], all[2]]);
  await new Promise(setImmediate);
  ends[3]?.(false);
  assert.equal(await all[3], 3);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ReloadQueue } from './reload-queue.js';

void it('fifty requests during a reload cost one more, which all of them wait for', async () => {
  const runs: { finish: (value: number) => void }[] = [];
  const queue = new ReloadQueue<number>(() => new Promise((resolve) => void runs.push({ finish: resolve })));
  const first = queue.request();
  const others = Array.from({ length: 50 }, () => queue.request());
  assert.equal(runs.length, 1);
  runs[0]?.finish(1);
  assert.equal(await first, 1);
  runs[1]?.finish(2);
  assert.deepEqual(new Set(await Promise.all(others)), new Set([2]));
  assert.equal(runs.length, 2);
});

void it('a reload that fails is told to those who asked for it, and the next one runs', async () => {
  let count = 0;
  const queue = new ReloadQueue<number>(async () => {
    count += 1;
    if (count === 1) throw new Error('bad conf');
    return count;
  });
  const first = queue.request();
  const second = queue.request();
  await assert.rejects(first, /bad conf/);
  assert.equal(await second, 2);
  assert.equal(await queue.request(), 3);
});

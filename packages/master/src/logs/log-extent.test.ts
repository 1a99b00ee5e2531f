import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogExtent } from './log-extent.js';
import type { LogTarget } from './log-target.js';

void test('a log is full where the next bytes do not fit, an empty one never, and what is full makes room', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'log-extent-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'all.log');
  writeFileSync(file, 'x'.repeat(90));
  const timers: (() => void)[] = [];
  const os = {
    setTimer: (callback: () => void) => {
      timers.push(callback);
      return { cancel: () => void timers.pop() };
    },
  };
  let lookCount = 0;
  const extent = new LogExtent(
    file,
    { maxBytes: 100, keepCount: 2, compress: false, intervalMs: 60_000 },
    os,
    () => {
      lookCount += 1;
    },
  );
  assert.equal(extent.isFull(1_000), false, 'a line that is longer than a file has one of its own');
  const target = {
    extent: async () => ({ bytes: 90, writtenMs: Date.now() }),
    isNamed: async () => existsSync(file),
  } as unknown as LogTarget;
  await extent.measure(target);
  assert.deepEqual([extent.isFull(10), extent.isFull(11)], [false, true]);
  extent.grow(5);
  assert.equal(extent.isFull(6), true);
  timers.pop()?.();
  assert.deepEqual([lookCount, extent.overdue], [1, false]);
  await extent.makeRoom(target);
  assert.deepEqual([existsSync(file), readFileSync(`${file}.1`, 'utf8').length], [false, 90]);
  await extent.empty();
  assert.deepEqual([existsSync(`${file}.1`), extent.isFull(1_000)], [false, false]);
  extent.close();
  assert.deepEqual(timers, []);
});

// When changed files count: with a fake clock and fake files.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeTime } from '../fake-machine.test.kit.js';
import type { FileState } from './file-state.js';
import { Settle } from './settle.js';

class Bench {
  readonly time = new FakeTime();
  readonly files = new Map<string, FileState>();
  readonly written = new Set<string>();
  readonly log: string[] = [];
  /** How often it was asked who writes. */
  questions = 0;
  readonly settle: Settle = new Settle({
    delayMs: 200,
    os: this.time,
    looks: {
      read: (path) => this.files.get(path),
      findWritten: (paths) => {
        this.questions += 1;
        return Promise.resolve(new Set(paths.filter((path) => this.written.has(path))));
      },
    },
    events: {
      changed: (paths, firstMs) => this.log.push(`changed ${paths.join()} ${firstMs - this.#startMs}`),
      calm: () => this.log.push(`calm ${this.time.now() - this.#startMs}`),
      restless: (paths) => this.log.push(`restless ${paths.join()}`),
    },
  });
  readonly #startMs: number = this.time.now();
  #inode = 0;

  /** Writes a file, and says so. */
  write(path: string, size: number): void {
    const before = this.files.get(path);
    this.silently(path, size);
    this.settle.touch(path, before);
  }

  /** Writes a file; nobody is told. */
  silently(path: string, size: number): void {
    this.#inode += 1;
    this.files.set(path, { size, modifiedMs: this.time.now(), inode: this.#inode });
  }

  remove(path: string): void {
    const before = this.files.get(path);
    this.files.delete(path);
    this.settle.touch(path, before);
  }
}

void test('a change counts after the quiet time', async () => {
  const bench = new Bench();
  bench.write('a.js', 10);
  assert.equal(bench.settle.isCalm, false);
  await bench.time.pass(190);
  assert.deepEqual(bench.log, []);
  await bench.time.pass(10);
  assert.deepEqual(bench.log, ['changed a.js 0', 'calm 200']);
  assert.equal(bench.settle.isCalm, true);
  assert.equal(bench.time.timerCount, 0);
});

void test('500 writes are one change', async () => {
  const bench = new Bench();
  for (let count = 0; count < 500; count += 1) {
    bench.write(`${count % 50}.js`, count + 1);
    if (count % 10 === 0) await bench.time.pass(20);
  }
  await bench.time.pass(1000);
  assert.equal(bench.log.length, 2);
  assert.equal(bench.log[0]?.split(',').length, 50);
  assert.equal(bench.questions, 1);
});

void test('a file that grows, without anybody telling, is waited for', async () => {
  const bench = new Bench();
  bench.write('a.js', 10);
  for (let size = 20; size < 100; size += 10) {
    await bench.time.pass(150);
    bench.silently('a.js', size);
  }
  assert.deepEqual(bench.log, []);
  await bench.time.pass(600);
  assert.equal(bench.log[0], 'changed a.js 0');
});

void test('a file that a process has open for writing is waited for', async () => {
  const bench = new Bench();
  bench.written.add('a.js');
  bench.write('a.js', 10);
  bench.write('b.js', 10);
  await bench.time.pass(5000);
  assert.deepEqual(bench.log, []);
  bench.written.clear();
  await bench.time.pass(200);
  assert.equal(bench.log[0], 'changed a.js,b.js 0');
});

void test('a file that was emptied is waited for longer', async () => {
  const bench = new Bench();
  bench.write('a.js', 0);
  await bench.time.pass(800);
  assert.deepEqual(bench.log, []);
  bench.write('a.js', 10);
  await bench.time.pass(200);
  assert.equal(bench.log[0], 'changed a.js 0');
  bench.write('a.js', 0);
  await bench.time.pass(1200);
  assert.equal(bench.log[2], 'changed a.js 1000');
});

void test('a file that comes and goes, or ends as it began, has not changed', async () => {
  const bench = new Bench();
  bench.write('temporary.js', 10);
  bench.remove('temporary.js');
  await bench.time.pass(200);
  assert.deepEqual(bench.log, ['calm 200']);
});

void test('a file that was removed, or replaced by one of the same size, has changed', async () => {
  const bench = new Bench();
  bench.silently('a.js', 10);
  bench.silently('b.js', 10);
  bench.write('a.js', 10);
  bench.remove('b.js');
  await bench.time.pass(200);
  assert.equal(bench.log[0], 'changed a.js,b.js 0');
});

void test('a touch while it is asked who writes begins the quiet time anew', async () => {
  const bench = new Bench();
  bench.write('a.js', 10);
  await bench.time.pass(190);
  bench.time.advance(10);
  bench.write('b.js', 10);
  await bench.time.pass(190);
  assert.deepEqual(bench.log, []);
  await bench.time.pass(20);
  assert.equal(bench.log[0], 'changed a.js,b.js 0');
});

void test('a file that is written to without a pause is waited for 10 s, and named; others are not held up for longer', async () => {
  const bench = new Bench();
  for (let ms = 0; ms < 10_400; ms += 50) {
    bench.write('log.js', ms + 1);
    if (ms === 5000) bench.write('a.js', 10);
    await bench.time.pass(50);
    if (bench.log.length > 0) break;
  }
  assert.equal(bench.log[0], 'restless log.js');
  assert.equal(bench.log[1], 'changed log.js,a.js 0');
  assert.match(bench.log[2] ?? '', /^calm 10\d\d\d$/);
});

void test('many files that are written for longer than 10 s, one after the other, are waited for', async () => {
  const bench = new Bench();
  for (let count = 0; count < 200; count += 1) {
    bench.write(`${count}.js`, 10);
    await bench.time.pass(100);
  }
  assert.deepEqual(bench.log, []);
  await bench.time.pass(200);
  assert.equal(bench.log.length, 2);
});

void test('nothing is told after it was closed', async () => {
  const bench = new Bench();
  bench.write('a.js', 10);
  bench.settle.close();
  bench.write('a.js', 20);
  await bench.time.pass(1000);
  assert.deepEqual(bench.log, []);
});

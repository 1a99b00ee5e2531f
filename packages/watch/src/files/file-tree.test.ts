// What no change of a file shows: looking again, and at the wrong time.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { realOs } from '@vhostd/supervisor';
import { FileTree } from './file-tree.js';
import { WatchRules } from './watch-rules.js';

/** A tree of `lib0/a.js` and so on, in which each folder takes so long that others get their turn. */
class Bench {
  readonly cwd: string = realpathSync(mkdtempSync(path.join(tmpdir(), 'vhostd-watch-')));
  readonly touched: string[] = [];
  readonly tree: FileTree;
  #nowMs = 0;

  constructor(t: TestContext, folders: number) {
    for (let count = 0; count < folders; count += 1) {
      mkdirSync(path.join(this.cwd, `lib${count}`));
      writeFileSync(path.join(this.cwd, `lib${count}`, 'a.js'), '');
    }
    this.tree = new FileTree({
      rules: new WatchRules({ cwd: this.cwd, watch: ['.'], extensions: ['js'] }),
      followSymlinks: true,
      // told by nobody, and looked at by the test
      pollIntervalMs: 2_000_000,
      os: { ...realOs, now: () => (this.#nowMs += 1000) },
      events: {
        touched: (file) => this.touched.push(path.relative(this.cwd, file)),
        rulesTouched: () => undefined,
        problem: (error) => assert.fail(error),
      },
    });
    t.after(() => {
      this.tree.close();
      rmSync(this.cwd, { recursive: true });
    });
  }
}

void test('a look while the tree is being opened tells of nothing', async (t) => {
  const bench = new Bench(t, 20);
  const opening = bench.tree.open(Number.POSITIVE_INFINITY);
  await bench.tree.refresh();
  await opening;
  assert.deepEqual(bench.touched, []);
  assert.equal(bench.tree.files.length, 20);
});

void test('a look tells of files that are new, gone or other than they were, once', async (t) => {
  const bench = new Bench(t, 3);
  await bench.tree.open(Number.POSITIVE_INFINITY);
  utimesSync(path.join(bench.cwd, 'lib0/a.js'), 1, 1);
  rmSync(path.join(bench.cwd, 'lib1'), { recursive: true });
  mkdirSync(path.join(bench.cwd, 'lib9/deep'), { recursive: true });
  writeFileSync(path.join(bench.cwd, 'lib9/deep/b.js'), '');
  await bench.tree.refresh();
  assert.deepEqual(bench.touched.toSorted(), ['lib0/a.js', 'lib1/a.js', 'lib9/deep/b.js']);
  await bench.tree.refresh();
  assert.equal(bench.touched.length, 3);
});

void test('nothing is told once it is closed', async (t) => {
  const bench = new Bench(t, 1);
  await bench.tree.open(Number.POSITIVE_INFINITY);
  bench.tree.close();
  writeFileSync(path.join(bench.cwd, 'lib0/a.js'), 'other');
  await bench.tree.refresh();
  assert.deepEqual(bench.touched, []);
});

// Changes on a real file system, as the kernel tells of them, and by polling.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { readFileState } from './file-state.js';
import { FileWatcher } from './file-watcher.js';
import type { FileWatcherOptions } from './file-watcher.js';
import { findWritten } from './file-writers.js';
import type { FileLooks } from './settle.js';

/** A folder that is watched, and what was told of it. */
class Bench {
  readonly cwd: string;
  readonly watcher: FileWatcher;
  readonly told: string[][] = [];
  #onTold: () => void = () => undefined;

  constructor(t: TestContext, options: FileWatcherOptions = {}, files: string[] = ['a.js']) {
    this.cwd = realpathSync(mkdtempSync(path.join(tmpdir(), 'vhostd-watch-')));
    for (const file of files) this.write(file);
    this.watcher = new FileWatcher({ cwd: this.cwd, delayMs: 50, ...options });
    this.watcher.on('changed', (paths) => {
      this.told.push(paths.map((file) => path.relative(this.cwd, file)).toSorted());
      this.#onTold();
    });
    t.after(() => {
      this.watcher.close();
      rmSync(this.cwd, { recursive: true });
    });
  }

  at(name: string): string {
    return path.join(this.cwd, name);
  }

  /** Writes a file, and the folders above it. */
  write(name: string, text: string = String(count++)): void {
    mkdirSync(path.dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), text);
  }

  /** What is there already is not new. */
  async open(): Promise<void> {
    await this.watcher.open(Number.POSITIVE_INFINITY);
  }

  /** All that was told since the last call, once each of the files is among it. */
  async changed(...files: string[]): Promise<string[]> {
    while (!files.every((file) => this.told.flat().includes(file))) {
      await new Promise<void>((resolve) => {
        this.#onTold = resolve;
      });
    }
    return [...new Set(this.told.splice(0).flat())].toSorted();
  }

  /** What was told until a file changed that is written now, without that file. */
  async until(file: string): Promise<string[]> {
    this.write(file);
    return (await this.changed(file)).filter((each) => each !== file);
  }
}

let count = 1;

for (const [how, mode] of [
  ['the kernel tells', {}],
  ['it looks every 20 ms', { pollIntervalMs: 20 }],
] as const) {
  void describe(`when ${how}`, () => {
    void test('files that are written, made and removed are seen, in new folders too', async (t) => {
      const bench = new Bench(t, mode, ['a.js', 'lib/b.js', 'lib/c.txt']);
      await bench.open();
      assert.deepEqual(bench.watcher.files.map((file) => path.relative(bench.cwd, file)).toSorted(), [
        'a.js',
        'lib/b.js',
      ]);
      bench.write('lib/b.js');
      assert.deepEqual(await bench.changed('lib/b.js'), ['lib/b.js']);
      bench.write('new/deep/deeper/d.js');
      assert.deepEqual(await bench.changed('new/deep/deeper/d.js'), ['new/deep/deeper/d.js']);
      bench.write('new/deep/deeper/d.js');
      await bench.changed('new/deep/deeper/d.js');
      rmSync(bench.at('new'), { recursive: true });
      assert.deepEqual(await bench.changed('new/deep/deeper/d.js'), ['new/deep/deeper/d.js']);
      bench.write('lib/c.txt');
      assert.deepEqual(await bench.until('a.js'), []);
    });

    void test('a folder and a file that are removed and made again are seen from then on', async (t) => {
      const bench = new Bench(t, mode, ['a.js', 'lib/b.js']);
      await bench.open();
      for (let round = 0; round < 3; round += 1) {
        rmSync(bench.at('lib'), { recursive: true });
        bench.write('lib/b.js');
        await bench.changed('lib/b.js');
        bench.write('lib/b.js');
        await bench.changed('lib/b.js');
        rmSync(bench.at('a.js'));
        await bench.changed('a.js');
        bench.write('a.js');
        await bench.changed('a.js');
      }
    });

    void test('what is watched itself may be removed and made again, or come later', async (t) => {
      const bench = new Bench(t, { ...mode, watch: ['src', 'later/lib', 'conf.json'] }, ['src/a.js']);
      await bench.open();
      assert.deepEqual(
        bench.watcher.missing.map((file) => path.relative(bench.cwd, file)),
        ['later/lib', 'conf.json'],
      );
      for (let round = 0; round < 2; round += 1) {
        rmSync(bench.at('src'), { recursive: true });
        await bench.changed('src/a.js');
        bench.write('src/a.js');
        await bench.changed('src/a.js');
        bench.write('later/lib/b.js');
        await bench.changed('later/lib/b.js');
        bench.write('conf.json');
        await bench.changed('conf.json');
        rmSync(bench.at('later'), { recursive: true });
        rmSync(bench.at('conf.json'));
        await bench.changed('later/lib/b.js', 'conf.json');
      }
    });

    void test('a file that is renamed over another, as editors save, is one change of that', async (t) => {
      const bench = new Bench(t, mode);
      await bench.open();
      bench.write('.a.js.swp');
      bench.write('4913');
      renameSync(bench.at('a.js'), bench.at('a.js~'));
      bench.write('a.js.tmp');
      renameSync(bench.at('a.js.tmp'), bench.at('a.js'));
      rmSync(bench.at('a.js~'));
      assert.deepEqual(await bench.changed('a.js'), ['a.js']);
    });
  });
}

void describe('what is no change', () => {
  void test('is another mode, a file that is read, one that comes and goes, one that is not watched', async (t) => {
    const bench = new Bench(t, { ignore: ['tmp'] }, [
      'a.js',
      'b.js',
      'tmp/c.js',
      'node_modules/d/d.js',
      '.git/e.js',
    ]);
    await bench.open();
    chmodSync(bench.at('a.js'), 0o700);
    utimesSync(bench.at('tmp/c.js'), new Date(), new Date());
    bench.write('node_modules/d/d.js');
    bench.write('.git/e.js');
    bench.write('f.js');
    rmSync(bench.at('f.js'));
    assert.deepEqual(await bench.until('b.js'), []);
  });

  void test('is a folder that is renamed away and back', async (t) => {
    const bench = new Bench(t, {}, ['a.js', 'lib/b.js']);
    await bench.open();
    renameSync(bench.at('lib'), bench.at('bil'));
    renameSync(bench.at('bil'), bench.at('lib'));
    assert.deepEqual(await bench.until('a.js'), []);
    bench.write('lib/b.js');
    await bench.changed('lib/b.js');
  });
});

void describe('a file that is being written', () => {
  void test('is not told before it is closed, however slowly it is written', async (t) => {
    let askedTwice: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      let questions = 0;
      askedTwice = () => (++questions === 2 ? resolve() : undefined);
    });
    const looks: FileLooks = {
      read: readFileState,
      findWritten: async (paths) => {
        askedTwice();
        return await findWritten(paths);
      },
    };
    const bench = new Bench(t, { looks });
    await bench.open();
    const descriptor = openSync(bench.at('a.js'), 'w');
    writeSync(descriptor, 'half of ');
    bench.write('b.js');
    await asked;
    assert.deepEqual(bench.told, []);
    assert.equal(bench.watcher.isCalm, false);
    writeSync(descriptor, 'it');
    closeSync(descriptor);
    assert.deepEqual(await bench.changed('a.js'), ['a.js', 'b.js']);
  });

  void test('in 500 steps, or 500 files at once, is told once', async (t) => {
    const bench = new Bench(t, { delayMs: 300 });
    await bench.open();
    for (let step = 0; step < 250; step += 1) {
      appendFileSync(bench.at('a.js'), 'x');
      bench.write(`many/${step}.js`);
    }
    await bench.changed('a.js', 'many/249.js');
    assert.deepEqual(await bench.until('many/1.js'), []);
  });

  void test('before all files are known counts as changed if it was written since a given time', async (t) => {
    const bench = new Bench(t, {}, ['a.js', 'b.js']);
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(bench.at('b.js'), longAgo, longAgo);
    await bench.watcher.open(Date.now() - 10_000);
    assert.deepEqual(await bench.changed('a.js'), ['a.js']);
  });
});

void describe('symbolic links', () => {
  void test('in a loop, to the folder above, to / and to nothing end, and each real folder counts once', async (t) => {
    const bench = new Bench(t, {}, ['a.js', 'lib/deep/b.js']);
    for (const [target, name] of [
      ['..', 'lib/up'],
      ['../..', 'lib/deep/top'],
      ['self', 'self'],
      ['/', 'root'],
      ['..', 'beside'],
      ['nowhere', 'lib/nowhere'],
      ['a.js', 'lib/link.js'],
    ] as const) {
      symlinkSync(target, bench.at(name));
    }
    await bench.open();
    assert.equal(bench.watcher.folderCount, 3);
    bench.write('lib/deep/b.js');
    await bench.changed('lib/deep/b.js');
  });

  void test('lead to folders and files that are watched where they are', async (t) => {
    const outside = new Bench(t, {}, ['shared/s.js', 'f.js']);
    const bench = new Bench(t);
    symlinkSync(outside.at('shared'), bench.at('linked'));
    symlinkSync(outside.at('f.js'), bench.at('f.js'));
    await bench.open();
    outside.write('shared/s.js');
    assert.deepEqual(await bench.changed('linked/s.js'), ['linked/s.js']);
    for (let round = 0; round < 2; round += 1) {
      outside.write('f.js');
      assert.deepEqual(await bench.changed('f.js'), ['f.js']);
      outside.write('f.new');
      renameSync(outside.at('f.new'), outside.at('f.js'));
      assert.deepEqual(await bench.changed('f.js'), ['f.js']);
    }
  });

  void test('are not followed with followSymlinks: false', async (t) => {
    const outside = new Bench(t, {}, ['shared/s.js']);
    const bench = new Bench(t, { followSymlinks: false });
    symlinkSync(outside.at('shared'), bench.at('linked'));
    symlinkSync(outside.at('shared/s.js'), bench.at('s.js'));
    await bench.open();
    assert.deepEqual(bench.watcher.files, [bench.at('a.js')]);
    outside.write('shared/s.js');
    assert.deepEqual(await bench.until('a.js'), []);
  });

  void test('that are led elsewhere, as a release is switched, are a change', async (t) => {
    const bench = new Bench(t, { watch: ['current'] }, ['one/a.js', 'two/a.js']);
    symlinkSync('one', bench.at('current'));
    await bench.open();
    symlinkSync('two', bench.at('next'));
    renameSync(bench.at('next'), bench.at('current'));
    bench.write('two/a.js');
    await bench.changed('current/a.js');
  });
});

void describe('.gitignore', () => {
  void test('leaves out what it names, and counts anew when it has changed', async (t) => {
    const bench = new Bench(t, { gitignore: true }, ['a.js', 'dist/b.js']);
    bench.write('.gitignore', 'dist\n');
    await bench.open();
    bench.write('dist/b.js');
    assert.deepEqual(await bench.until('a.js'), []);
    bench.write('.gitignore', '');
    await bench.changed('dist/b.js');
    bench.write('dist/b.js');
    await bench.changed('dist/b.js');
  });
});

void describe('other things than files', () => {
  void test('sockets and pipes with the name of a script hold nothing up', async (t) => {
    const bench = new Bench(t);
    execFileSync('mkfifo', [bench.at('pipe.js')]);
    await bench.open();
    assert.deepEqual(bench.watcher.files, [bench.at('a.js')]);
    assert.deepEqual(await bench.until('a.js'), []);
  });
});

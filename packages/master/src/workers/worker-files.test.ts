import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import { WorkerFiles } from './worker-files.js';

test('workers of a directory run its entry, not a file of its name beside it; those of an empty one the directory', (t) => {
  const directory = siteDirectory(t);
  writeFileSync(`${directory}.js`, '');
  writeFileSync(`${directory}.json`, '{}');
  const files = new WorkerFiles(parseSite({ path: directory }, { baseDir: '/' }));
  // What it misses is Node's to say.
  assert.equal(files.release().workerFile, directory);
  writeFileSync(join(directory, 'index.js'), '');
  assert.deepEqual(files.release(), { workerFile: join(directory, 'index.js'), cwd: directory });
});

test('once a worker has been ready, the others run the same entry as long as it is there', (t) => {
  const directory = siteDirectory(t);
  const main = (file: string): void => {
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ main: file }));
    writeFileSync(join(directory, file), '');
  };
  main('a.js');
  const files = new WorkerFiles(parseSite({ path: directory }, { baseDir: '/' }));
  assert.equal(files.release().workerFile, join(directory, 'a.js'));
  files.keep();
  main('b.js');
  assert.equal(files.release().workerFile, join(directory, 'a.js'));
  rmSync(join(directory, 'a.js'));
  assert.equal(files.release().workerFile, join(directory, 'b.js'));
});

function siteDirectory(t: TestContext): string {
  const parent = realpathSync(mkdtempSync(join(tmpdir(), 'vhostd-files-')));
  t.after(() => rmSync(parent, { recursive: true }));
  const directory = join(parent, 'shop');
  mkdirSync(directory);
  return directory;
}

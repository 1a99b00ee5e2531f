import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { entryOf } from './directory-entry.js';

/** Directories and what Node runs of them; undefined: it refuses. */
const DIRECTORIES: readonly [files: Readonly<Record<string, string>>, entry: string | undefined][] = [
  [{ 'index.js': '' }, 'index.js'],
  [{ 'index.json': '{}' }, 'index.json'],
  [{ 'index.json': '{}', 'index.js': '' }, 'index.js'],
  [{ 'index.mjs': '' }, undefined],
  [{}, undefined],
  [{ 'package.json': '{"main":"server.js"}', 'server.js': '', 'index.js': '' }, 'server.js'],
  [{ 'package.json': '{"main":"./lib/server"}', 'lib/server.js': '' }, 'lib/server.js'],
  [{ 'package.json': '{"main":"lib"}', 'lib/index.js': '' }, 'lib/index.js'],
  [{ 'package.json': '{"main":"lib"}', 'lib/index.js': '', 'lib.js': '' }, 'lib.js'],
  [{ 'package.json': '{"main":"server.mjs"}', 'server.mjs': '' }, 'server.mjs'],
  [{ 'package.json': '{"main":"gone.js"}', 'index.js': '' }, 'index.js'],
  [{ 'package.json': '{"main":"gone.js"}' }, undefined],
  [{ 'package.json': '{"main":""}', 'index.js': '' }, 'index.js'],
  [{ 'package.json': '{"name":"shop","type":"module"}', 'index.js': '' }, 'index.js'],
];

void test('a directory stands for the file that Node finds in it, whatever lies beside it', (t) => {
  t.mock.method(process, 'emitWarning', () => undefined); // of a main that is not there
  for (const [files, entry] of DIRECTORIES) {
    const directory = directoryWith(t, files);
    writeFileSync(`${directory}.js`, '');
    writeFileSync(`${directory}.json`, '{}');
    const found = entryOf(directory);
    const name = JSON.stringify(files);
    assert.equal(found && relative(directory, found), entry, name);
    assert.equal(found, resolvedByNode(directory), name);
  }
});

void test('what is found is what is there now', (t) => {
  const directory = directoryWith(t, { 'package.json': '{"main":"a.js"}', 'a.js': '', 'b.js': '' });
  assert.equal(entryOf(directory), join(directory, 'a.js'));
  writeFileSync(join(directory, 'package.json'), '{"main":"b.js"}');
  assert.equal(entryOf(directory), join(directory, 'b.js'));
});

void test('an entry behind a symbolic link is the file that it leads to', (t) => {
  const directory = directoryWith(t, { 'releases/2.js': '' });
  symlinkSync('releases/2.js', join(directory, 'index.js'));
  assert.equal(entryOf(directory), join(directory, 'releases/2.js'));
});

void test('of what is no directory, or whose package.json is none, nothing else is said', (t) => {
  const directory = directoryWith(t, {
    'index.js': '',
    'broken/package.json': '{',
    'null/package.json': 'null',
  });
  assert.equal(entryOf(join(directory, 'index.js')), undefined);
  assert.equal(entryOf(join(directory, 'broken')), undefined);
  assert.equal(entryOf(join(directory, 'null')), undefined);
  assert.equal(entryOf(join(directory, 'gone')), undefined);
});

void test('a package.json that nobody writes to the end holds nobody up', (t) => {
  const directory = directoryWith(t, { 'index.js': '' });
  execFileSync('mkfifo', [join(directory, 'package.json')]);
  assert.equal(entryOf(directory), join(directory, 'index.js'));
});

function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const parent = realpathSync(mkdtempSync(join(tmpdir(), 'vhostd-entry-')));
  t.after(() => rmSync(parent, { recursive: true }));
  const directory = join(parent, 'shop');
  for (const [name, content] of Object.entries({ ...files })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  mkdirSync(directory, { recursive: true });
  return directory;
}

function resolvedByNode(directory: string): string | undefined {
  try {
    return createRequire(`${directory}/`).resolve(`${directory}/`);
  } catch {
    return undefined;
  }
}

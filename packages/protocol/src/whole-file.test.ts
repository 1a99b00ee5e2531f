import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readWhole, writeWhole } from './whole-file.js';

const directory = mkdtempSync(join(tmpdir(), 'whole-file-'));
after(() => rmSync(directory, { recursive: true }));

void test('a file takes the place of the one before, with the rights that it is to have', () => {
  const file = join(directory, 'pair.pem');
  writeFileSync(file, 'before', { mode: 0o644 });
  writeFileSync(`${file}.next`, 'of a process that was killed');
  writeWhole(file, 'after');
  assert.equal(readWhole(file), 'after');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const umask = process.umask(0o077);
  writeWhole(file, 'for all', { mode: 0o644 });
  process.umask(umask);
  assert.equal(statSync(file).mode & 0o777, 0o644);
});

void test('a disk that takes a part of it leaves the file before as it was, and nothing beside it', () => {
  const folder = mkdtempSync(join(directory, 'full-'));
  const file = join(folder, 'kept.json');
  writeWhole(file, 'before');
  const module = JSON.stringify(new URL('whole-file.js', import.meta.url).href);
  const program = `import(${module}).then(({ writeWhole }) => writeWhole(process.argv[1], 'x'.repeat(1e6)))`;
  // No file may be longer than a few blocks: as on a full disk, what is longer is written in part (getrlimit(2)).
  const script = `trap '' XFSZ; ulimit -f 8; exec "$0" -e "$1" "$2"`;
  const told = spawnSync('sh', ['-c', script, process.execPath, program, file], { encoding: 'utf8' });
  assert.match(told.stderr, /EFBIG/);
  assert.equal(readWhole(file), 'before');
  assert.deepEqual(readdirSync(folder), ['kept.json']);
});

void test('what is done before the file is replaced finds the text written, and may refuse it', () => {
  const folder = mkdtempSync(join(directory, 'refused-'));
  const file = join(folder, 'kept.json');
  writeWhole(file, 'before');
  const onWritten = (): void => {
    assert.equal(readFileSync(`${file}.next`, 'utf8'), 'after');
    throw new Error('not now');
  };
  assert.throws(() => writeWhole(file, 'after', { onWritten }), /not now/);
  assert.equal(readWhole(file), 'before');
  assert.deepEqual(readdirSync(folder), ['kept.json']);
});

void test('a link that somebody put there is replaced, not followed', () => {
  const target = join(directory, 'target');
  writeFileSync(target, 'untouched');
  for (const name of ['a.pem', 'b.pem.next']) symlinkSync('target', join(directory, name));
  writeWhole(join(directory, 'a.pem'), 'text');
  writeWhole(join(directory, 'b.pem'), 'text');
  assert.equal(readFileSync(target, 'utf8'), 'untouched');
  assert.equal(readWhole(join(directory, 'a.pem')), 'text');
  symlinkSync('target', join(directory, 'c.pem'));
  assert.throws(() => readWhole(join(directory, 'c.pem')), { code: 'ELOOP' });
});

void test('a pipe or a directory that somebody put there is no content, and nothing waits for it', () => {
  assert.equal(readWhole(join(directory, 'none')), undefined);
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  mkdirSync(join(directory, 'folder'));
  for (const name of ['pipe', 'folder']) assert.throws(() => readWhole(join(directory, name)));
  writeWhole(join(directory, 'pipe'), 'text');
  assert.equal(readWhole(join(directory, 'pipe')), 'text');
  assert.throws(() => writeWhole(join(directory, 'folder'), 'text'));
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readWhole, writeWhole } from './atomic-file.js';

const directory = mkdtempSync(join(tmpdir(), 'atomic-file-'));
after(() => rmSync(directory, { recursive: true }));

void test('a file takes the place of the one before, with the rights that it is to have', () => {
  const file = join(directory, 'pair.pem');
  writeFileSync(file, 'before', { mode: 0o644 });
  writeFileSync(`${file}.next`, 'of a process that was killed');
  writeWhole(file, 'after', 0o600);
  assert.equal(readWhole(file), 'after');
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

void test('a link that somebody put there is replaced, not followed', () => {
  const target = join(directory, 'target');
  writeFileSync(target, 'untouched');
  for (const name of ['a.pem', 'b.pem.next']) symlinkSync('target', join(directory, name));
  writeWhole(join(directory, 'a.pem'), 'text', 0o600);
  writeWhole(join(directory, 'b.pem'), 'text', 0o600);
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
  writeWhole(join(directory, 'pipe'), 'text', 0o600);
  assert.equal(readWhole(join(directory, 'pipe')), 'text');
  assert.throws(() => writeWhole(join(directory, 'folder'), 'text', 0o600));
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { directoryMark, fileMark } from './file-marks.js';

function place(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-marks-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a directory has the same mark whatever is put into it, and another one in its place has not', (t) => {
  const dir = place(t);
  const [app, next, link] = ['app', 'next', 'link'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(app);
  mkdirSync(next);
  symlinkSync(app, link);
  const mark = directoryMark(app);
  assert.equal(typeof mark, 'string');
  writeFileSync(join(app, 'data.txt'), 'new');
  assert.deepEqual([directoryMark(app), directoryMark(link)], [mark, mark]);
  renameSync(app, join(dir, 'old'));
  assert.equal(directoryMark(app), undefined);
  assert.equal(directoryMark(link), undefined, 'it leads nowhere');
  renameSync(next, app);
  assert.notEqual(directoryMark(app), mark);
  assert.equal(directoryMark(link), directoryMark(app));
});

test('a file that was written to has another mark', (t) => {
  const file = join(place(t), 'ca.pem');
  assert.equal(fileMark(file), undefined);
  writeFileSync(file, 'one');
  const mark = fileMark(file);
  assert.equal(fileMark(file), mark);
  writeFileSync(file, 'other');
  assert.notEqual(fileMark(file), mark);
  assert.equal(fileMark(join(file, 'below')), undefined);
});

// Which files are open for writing on this machine.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { findWritten } from './file-writers.js';

void test('a file is found while it is open for writing, not for reading, by any of its names', async (t) => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'vhostd-watch-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  const [file, link, absent] = ['a.js', 'link.js', 'absent.js'].map((name) => path.join(cwd, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, '');
  symlinkSync('a.js', link);
  for (const [mode, expected] of [
    ['r', []],
    ['a', [link]],
    ['r+', [link]],
  ] as const) {
    const descriptor = openSync(file, mode);
    assert.deepEqual([...(await findWritten([link, absent], 60_000))], expected, mode);
    closeSync(descriptor);
  }
  assert.deepEqual([...(await findWritten([file], 60_000))], []);
  assert.deepEqual([...(await findWritten([]))], []);
});

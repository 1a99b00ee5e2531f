import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPemFile } from './pem-file.js';

void test('a file is read, also behind a link; a pipe, a device, a directory or what has no end is not', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pem-file-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [file, link, pipe, huge] = ['file', 'link', 'pipe', 'huge'].map((name) => join(directory, name));
  assert.ok(file !== undefined && link !== undefined && pipe !== undefined && huge !== undefined);
  writeFileSync(file, 'text');
  symlinkSync(file, link);
  execFileSync('mkfifo', [pipe]);
  writeFileSync(huge, '');
  truncateSync(huge, 1024 * 1024 + 1);
  assert.deepEqual([readPemFile(file), readPemFile(link)], ['text', 'text']);
  for (const other of [pipe, '/dev/zero', directory]) assert.throws(() => readPemFile(other), /not a file/);
  assert.throws(() => readPemFile(huge), /more than 1048576 bytes/);
  assert.throws(() => readPemFile(join(directory, 'none')), { code: 'ENOENT' });
});

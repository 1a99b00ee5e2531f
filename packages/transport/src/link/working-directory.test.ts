import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { workingDirectory } from './working-directory.js';

void test('a process starts in the directory that it is to, or in / where that has been removed', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-cwd-'));
  assert.equal(workingDirectory(directory), directory);
  rmdirSync(directory);
  assert.equal(workingDirectory(directory), '/');
});

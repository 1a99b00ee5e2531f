import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { workingDirectory } from './working-directory.js';

void it('the working directory keeps a link that the shell names, and nothing else that is said of it', () => {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'vhostd-cwd-')));
  const [release, current] = ['1', 'current'].map((name) => path.join(directory, name)) as [string, string];
  try {
    mkdirSync(release);
    symlinkSync(release, current);
    assert.equal(workingDirectory(release, current), current);
    assert.equal(workingDirectory(release, `${current}/.`), current);
    for (const other of [directory, path.join(directory, 'gone'), 'current', undefined]) {
      assert.equal(workingDirectory(release, other), release);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

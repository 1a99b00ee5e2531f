// The file of --save-pid: written, removed, and never at the cost of another file.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { removePidFile, writePidFile } from './pid-file.js';

void test('holds the process id, in place of an older one, until it is removed by its owner', (t) => {
  const file = temporary(t);
  writePidFile(file, 100);
  assert.equal(readFileSync(file, 'utf8'), '100\n');
  writePidFile(file, 200);
  removePidFile(file, 100);
  assert.equal(readFileSync(file, 'utf8'), '200\n');
  removePidFile(file, 200);
  assert.equal(existsSync(file), false);
  removePidFile(file, 200);
});

void test('is refused where something else is, or where it cannot be written', (t) => {
  const file = temporary(t);
  writeFileSync(file, 'const port = 80;\n');
  assertRefused(file, 'holds no process id');
  assert.equal(readFileSync(file, 'utf8'), 'const port = 80;\n');
  assertRefused(path.dirname(file), 'holds no process id');
  assertRefused(path.join(path.dirname(file), 'absent/pid'), 'ENOENT');
});

function temporary(t: { after: (work: () => void) => void }): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-watch-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return path.join(directory, 'watch.pid');
}

function assertRefused(file: string, message: string): void {
  assert.throws(
    () => writePidFile(file),
    (error) =>
      error instanceof VhostError && error.code === 'ERR_WATCH_PID_FILE' && error.message.includes(message),
  );
}

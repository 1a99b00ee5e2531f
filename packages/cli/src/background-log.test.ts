import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { boundLog } from './background-log.js';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-background-'));
  file = path.join(directory, 'x.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

void it('what a log holds goes to files that are kept, three of them, and its writers go on at its beginning', () => {
  const descriptor = openSync(file, 'a');
  for (const text of ['one', 'two', 'three', 'four', 'five']) {
    writeSync(descriptor, `${text} ${'x'.repeat(100)}\n`);
    boundLog(descriptor, file, 50);
  }
  writeSync(descriptor, 'six\n');
  boundLog(descriptor, file, 50);
  closeSync(descriptor);
  const first = (name: string) => readFileSync(path.join(directory, name), 'utf8').split(' ')[0];
  assert.deepEqual(Object.fromEntries(readdirSync(directory).map((name) => [name, first(name)])), {
    'x.log': 'six\n',
    'x.log.1': 'five',
    'x.log.2': 'four',
    'x.log.3': 'three',
  });
});

void it('nothing is taken away that cannot be kept', () => {
  const descriptor = openSync(file, 'a');
  writeSync(descriptor, 'x'.repeat(100));
  // In the way of the copy.
  mkdirSync(`${file}.new`);
  assert.throws(() => boundLog(descriptor, file, 50), { code: 'EISDIR' });
  closeSync(descriptor);
  assert.equal(readFileSync(file, 'utf8').length, 100);
});

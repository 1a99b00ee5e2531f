import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { z } from '@vhostd/protocol/schemas';
import { KeptFile } from './kept-file.js';

const schema = z.object({ value: z.number() });

void test('a file that can not be written leaves the former one as it was, and is written the next time', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-kept-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, 'kept.json');
  const kept = new KeptFile(directory, 'kept.json', schema);
  assert.equal(kept.write({ value: 1 }), true);
  mkdirSync(`${file}.next`);
  assert.equal(kept.write({ value: 2 }), false);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { value: 1 });
  rmdirSync(`${file}.next`);
  assert.equal(kept.write({ value: 3 }), true);
  assert.deepEqual(readdirSync(directory), ['kept.json']);
  assert.deepEqual(new KeptFile(directory, 'kept.json', schema).content, { value: 3 });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commandReference, REFERENCE_FILE } from './reference.js';

void test('docs/commands.md is what the commands say of themselves', async () => {
  const written = readFileSync(REFERENCE_FILE, 'utf8');
  assert.equal(written, await commandReference(), 'run: node packages/cli/dist/reference.js');
  for (const name of ['run', 'watch', 'doctor', 'import', 'completion']) {
    assert.match(written, new RegExp(`^## vhostd ${name}\n\n\`\`\`\nUsage: vhostd ${name} `, 'm'));
  }
});

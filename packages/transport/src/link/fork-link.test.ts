import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { fixturePath } from './fixtures/forked-link.test.kit.js';

/** What a child prints whose parent dies right behind the fork. */
async function printedByOrphan(argument: string): Promise<string[]> {
  const parent = spawn(process.execPath, [fixturePath('forgetful-parent'), argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  // The output ends with the last process that holds it, which is the child.
  for await (const chunk of parent.stdout) printed += String(chunk);
  return printed.trimEnd().split('\n');
}

describe('openParentLink, when the parent died before the child booted', () => {
  test('delivers what it had sent, sockets and all, and then the end', { timeout: 60_000 }, async () => {
    const sent = Array.from({ length: 5 }, (_, number) => `${number} true`);
    assert.deepEqual(await printedByOrphan('even orphaned'), [...sent, 'farewell false', 'peer-gone']);
  });

  test('refuses, where an orphan has nothing to do', { timeout: 60_000 }, async () => {
    assert.deepEqual(await printedByOrphan('not'), ['ERR_LINK_OPEN']);
  });
});

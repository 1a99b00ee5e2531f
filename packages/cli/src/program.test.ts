import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMAND_NAMES, createProgram } from './program.js';

void test('each file of a command adds the command that it is loaded for, and no other one', async () => {
  for (const name of COMMAND_NAMES) {
    const { commands } = await createProgram([name]);
    assert.deepEqual(
      commands.map((command) => command.name()),
      [name],
    );
  }
});

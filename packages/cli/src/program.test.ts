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

void test('no option is one that Node looks for behind the name of a program', async () => {
  const { commands } = await createProgram();
  const names = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)));
  assert.ok(names.has('--envfile'));
  assert.ok(!names.has('--env-file') && !names.has('--env-file-if-exists'));
});

// docs/cli.md against the command line: exit codes, commands and options.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { EXIT_CODES } from '@vhostd/daemon';
import { Workbench } from '../examples/workbench.js';
import { readDoc } from './sources.js';

const CLI = readDoc('docs/cli.md');

void describe('docs/cli.md', () => {
  void test('lists exactly the exit codes that there are', () => {
    const section = CLI.slice(CLI.indexOf('## Exit codes'));
    const rows = [...section.matchAll(/^\| (\d+)\s+\| `(\w+)`\s+\| \S/gm)];
    assert.deepEqual(Object.fromEntries(rows.map(([, code, name = '']) => [name, Number(code)])), EXIT_CODES);
    const hopeless = /RestartPreventExitStatus=([\d ]+)`/.exec(section)?.[1]?.split(' ').map(Number);
    assert.deepEqual(hopeless, [EXIT_CODES.usage, EXIT_CODES.badConf, EXIT_CODES.alreadyRunning]);
  });

  void test('names every command of vhostd --help, and no other', async (t) => {
    const help = await helpOf(new Workbench(t));
    const commands = namesIn(help.slice(help.indexOf('Commands:')), /^ {2}([a-z]+) /gm);
    assert.deepEqual(namesIn(CLI, /^\| `vhostd ([a-z]+)/gm), commands);
  });

  for (const command of [
    'run',
    'status',
    'logs',
    'reload',
    'restart',
    'start',
    'scale',
    'pause',
    'resume',
    'maintenance',
    'upgrade',
    'stop',
    'check',
    'doctor',
    'import',
    'completion',
    'watch',
    'add',
    'remove',
    'env',
    'signal',
    'flush',
    'reopen',
    'init',
    'dev',
  ]) {
    void test(`names every option of vhostd ${command}`, async (t) => {
      const help = await helpOf(new Workbench(t), command);
      const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = '']) => option);
      assert.ok(options.length >= 3, help);
      for (const option of options) {
        if (option !== '--help') assert.ok(CLI.includes(option), `${option} of ${command}`);
      }
    });
  }
});

/** What a pattern's group finds, in order of the alphabet. */
function namesIn(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name = '']) => name).toSorted();
}

async function helpOf(bench: Workbench, ...command: string[]): Promise<string> {
  const program = bench.node([join(bench.dir, 'node_modules/vhostd/bin/vhostd.js'), ...command, '--help']);
  assert.equal(await program.ended, 0);
  return program.output;
}

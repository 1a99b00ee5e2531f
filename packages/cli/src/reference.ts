// The command reference of the docs, made of the commands themselves. Run as a program it writes docs/commands.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { createProgram } from './program.js';

/** Where the reference lies in the repository. */
export const REFERENCE_FILE: string = fileURLToPath(new URL('../../../docs/commands.md', import.meta.url));

/** The help of each command, as `vhostd help COMMAND` prints it at 80 columns. Pure. */
export async function commandReference(): Promise<string> {
  const program = await createProgram();
  const sections = program.commands.map((command) => section(command));
  return [
    '# Commands\n',
    'What `vhostd help COMMAND` prints, written by `node packages/cli/dist/reference.js`. [The command line](cli.md) says what each does, with examples.\n',
    section(program),
    ...sections,
  ].join('\n');
}

function section(command: Command): string {
  const title = command.parent === null ? 'vhostd' : `vhostd ${command.name()}`;
  command
    .configureHelp({ ...command.configureHelp(), helpWidth: 80 })
    .configureOutput({ getOutHelpWidth: () => 80, getOutHasColors: () => false });
  return `## ${title}\n\n\`\`\`\n${command.helpInformation().trimEnd()}\n\`\`\`\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const before = readFileSync(REFERENCE_FILE, { encoding: 'utf8', flag: 'a+' });
  const now = await commandReference();
  if (before !== now) writeFileSync(REFERENCE_FILE, now);
}

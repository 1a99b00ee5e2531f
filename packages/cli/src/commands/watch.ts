// `vhostd watch`: runs a program, and runs it anew when it ends or a file changes. It needs no daemon.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import { HELP } from '@vhostd/watch/help';
import type { Command } from 'commander';
import { attempt } from '../errors.js';

export function addWatchCommand(program: Command): void {
  // what follows the command is not for the program as a whole: `-V` means another thing there
  program.enablePositionalOptions();
  const command = program
    .command('watch')
    .summary('run a program, and run it anew when a file changes')
    .argument('[arguments...]')
    .helpOption(false)
    .configureHelp({ formatHelp: () => HELP })
    .action((args: string[]) => attempt({}, () => watch(args)));
  // options such as `-RV`, and where they end, are read by the package that knows them
  command.parseOptions = (args) => ({ operands: args, unknown: [] });
}

async function watch(args: readonly string[]): Promise<number> {
  // only this command loads what watches files
  const { run } = await import('@vhostd/watch');
  try {
    return await run(args);
  } catch (error) {
    if (!(error instanceof VhostError) || error.code !== 'ERR_WATCH_USAGE') throw error;
    process.stderr.write(`vhostd: ${error.message}\n(vhostd watch --help tells what there is)\n`);
    return EXIT_CODES.usage;
  }
}

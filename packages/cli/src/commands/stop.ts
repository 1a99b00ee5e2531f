// `vhostd stop`: ends a running daemon and waits until it has gone.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface StopOptions extends CommonOptions {
  now?: true;
  runDir?: string;
}

export function addStopCommand(program: Command): void {
  program
    .command('stop')
    .summary('stop the daemon and wait until it has gone')
    .description(
      'Lets every site finish its connections within its drain limit, stops, and waits until it is done.',
    )
    .option('--now', 'without letting connections finish')
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((options: StopOptions) => attempt(options, () => stop(options)));
}

async function stop({ now = false, runDir }: Omit<StopOptions, 'now'> & { now?: boolean }): Promise<number> {
  await new DaemonClient(runDir).stop({ now });
  process.stdout.write('vhostd stopped\n');
  return EXIT_CODES.ok;
}

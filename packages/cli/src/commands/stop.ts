// `vhostd stop`: ends a running daemon and waits until it has gone.
import { EXIT_CODES } from '@vhostd/daemon';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { addClientOptions, clientOf, printOutcome, printWaits } from './options.js';
import type { ClientOptions } from './options.js';

interface StopOptions extends ClientOptions {
  now?: true;
}

export function addStopCommand(program: Command): void {
  const command = program
    .command('stop')
    .summary('stop the daemon and wait until it has gone')
    .description(
      'Lets every site finish its connections within its drain limit, stops, and waits until it is done.',
    )
    .option('--now', 'without letting connections finish');
  addClientOptions(command).action((options: StopOptions) => attempt(options, () => stop(options)));
}

async function stop(options: StopOptions): Promise<number> {
  await clientOf(options).stop({ now: options.now === true, onProgress: printWaits });
  printOutcome(options, { stopped: true }, () => ['vhostd stopped']);
  return EXIT_CODES.ok;
}

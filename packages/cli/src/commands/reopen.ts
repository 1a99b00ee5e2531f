// `vhostd reopen`: logs go on in the files that have the names now, for programs that rotate them.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

export function addReopenCommand(program: Command): void {
  const command = program
    .command('reopen')
    .summary('go on in new log files, after log rotation')
    .description(
      'Leaves log files that were renamed, and begins those of their names anew. As SIGUSR1 does.',
    );
  addClientOptions(command).action((options: ClientOptions) => attempt(options, () => reopen(options)));
}

async function reopen(options: ClientOptions): Promise<number> {
  await clientOf(options).request({ method: 'POST', path: '/logs/reopen' });
  printOutcome(options, {}, () => ['logs reopened']);
  return EXIT_CODES.ok;
}

// `vhostd upgrade`: the daemon, its master and all workers are replaced by new ones, of another version perhaps.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { printableLine } from '../printable.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

interface UpgradeOptions extends ClientOptions {
  node?: string;
}

export function addUpgradeCommand(program: Command): void {
  const command = program
    .command('upgrade')
    .summary('replace the daemon itself, by another version or another Node')
    .description(
      'Starts the daemon once more, with the code and the Node that are on disk now. When the new one has loaded every ' +
        'site that serves, it takes over without refusing a connection, and the old one leaves when its connections ' +
        'have ended. If anything fails before, the old one serves on and the exit code is 1.',
    )
    .option('--node <path>', 'Node binary of the new daemon (default: the present one, by its path)');
  addClientOptions(command).action((options: UpgradeOptions) => attempt(options, () => upgrade(options)));
}

async function upgrade(options: UpgradeOptions): Promise<number> {
  const { node, json } = options;
  const outcome = await clientOf(options).upgrade({
    onProgress: (line) => {
      if (json !== true) process.stdout.write(`${printableLine(line)}\n`);
    },
    ...(node === undefined ? {} : { node }),
  });
  printOutcome(options, outcome, () => [
    ...outcome.failed.map(({ siteId, reason }) => `site ${siteId} does not serve: ${reason}`),
    `vhostd upgraded: process ${outcome.pid}, ${outcome.version}, Node ${outcome.node}`,
  ]);
  return EXIT_CODES.ok;
}

// `vhostd restart`: all workers of a site are replaced at once.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, restartResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { counted } from '../counted.js';
import { addSiteOptions, orderSite, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

export function addRestartCommand(program: Command): void {
  const command = program
    .command('restart')
    .summary('replace all workers of a site at once, cold')
    .description(
      'Stops all workers of a site, which finish what they have, and starts as many anew. ' +
        'The site is away in between: vhostd reload is the way without a gap.',
    );
  addSiteOptions(command).action((site: string, options: ClientOptions) =>
    attempt(options, () => restart(site, options)),
  );
}

async function restart(site: string, options: ClientOptions): Promise<number> {
  const result = decode(restartResult, await orderSite(options, site, 'restart'), 'restart');
  const { siteId, workers } = result;
  printOutcome(options, result, () => [`${siteId}: ${counted(workers, 'worker')} restarted`]);
  return EXIT_CODES.ok;
}

// `vhostd start SITE`: a site that was stopped runs again.
import { EXIT_CODES } from '@vhostd/daemon';
import { decode, switchResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { addSiteOptions, orderSite, printOutcome, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

export function addStartCommand(program: Command): void {
  const command = program
    .command('start')
    .summary('start a site that was stopped')
    .description('Starts a site that vhostd stop has stopped, with the conf as it was last read.');
  addSiteOptions(command).action((site: string, options: ClientOptions) =>
    attempt(options, () => start(site, options)),
  );
}

async function start(site: string, options: ClientOptions): Promise<number> {
  const result = decode(switchResult, await orderSite(options, site, 'start'), 'start');
  printOutcome(options, result, () => [`${result.siteId}: started${untilWhen(result)}`]);
  return EXIT_CODES.ok;
}

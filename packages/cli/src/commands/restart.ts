// `vhostd restart`: all workers of a site are replaced at once.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { SHOWN_SITE_STATES } from '@vhostd/protocol';
import type { RestartResult } from '@vhostd/protocol';
import { decode, restartResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { counted } from '../counted.js';
import { allMeant, orderEach } from './all-sites.js';
import { addSiteOptions, orderSite, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

export function addRestartCommand(program: Command): void {
  const command = program
    .command('restart')
    .summary('replace all workers of a site at once, cold')
    .description(
      'Stops all workers of a site, which finish what they have, and starts as many anew. ' +
        'The site is away in between: vhostd reload is the way without a gap. With all: every site, one after the other.',
    );
  addSiteOptions(command).action((site: string, options: ClientOptions) =>
    attempt(options, () => restart(site, options)),
  );
}

async function restart(site: string, options: ClientOptions): Promise<number> {
  const order = async (siteId: string): Promise<RestartResult> =>
    decode(restartResult, await orderSite(options, siteId, 'restart'), 'restart');
  const all = await allMeant(options, site);
  if (all !== undefined) {
    const running = all
      .filter(({ state }) => SHOWN_SITE_STATES[state].verdict !== 'off')
      .map(({ siteId }) => siteId);
    return await orderEach(options, running, order, describe, 'no site runs');
  }
  const result = await order(site);
  printOutcome(options, result, () => [describe(result)]);
  return EXIT_CODES.ok;
}

function describe({ siteId, workers }: RestartResult): string {
  return `${siteId}: ${counted(workers, 'worker')} restarted`;
}

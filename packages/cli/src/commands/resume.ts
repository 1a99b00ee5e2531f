// `vhostd resume`: the connections that a pause holds go to the site's workers.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, resumeResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { counted } from '../counted.js';
import { attempt } from '../errors.js';
import { addSiteOptions, orderSite, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

export function addResumeCommand(program: Command): void {
  const command = program
    .command('resume')
    .summary('hand the connections that a pause holds to workers')
    .description(
      'Ends the pause of a site: the connections that were held are handed to its workers, in order.',
    );
  addSiteOptions(command).action((site: string, options: ClientOptions) =>
    attempt(options, () => resume(site, options)),
  );
}

async function resume(site: string, options: ClientOptions): Promise<number> {
  const result = decode(resumeResult, await orderSite(options, site, 'resume'), 'resume');
  const { siteId, wasPaused, heldCount } = result;
  const what = wasPaused ? `resumed, ${counted(heldCount, 'connection')} held until now` : 'was not paused';
  printOutcome(options, result, () => [`${siteId}: ${what}`]);
  return EXIT_CODES.ok;
}

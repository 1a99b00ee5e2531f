// `vhostd remove SITE`: a site that was added is served no longer.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, switchResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { addSiteOptions, clientOf, printOutcome, printWaits, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

interface RemoveOptions extends ClientOptions {
  now?: true;
}

export function addRemoveCommand(program: Command): void {
  const command = program
    .command('remove')
    .summary('take away a site that was added')
    .description(
      'Undoes vhostd add: lets the connections of the site finish within its drain limit, and forgets it. ' +
        'A site of the conf goes when it is taken out there and the conf is reloaded.',
    )
    .option('--now', 'without letting connections finish');
  addSiteOptions(command).action((site: string, options: RemoveOptions) =>
    attempt(options, () => remove(site, options)),
  );
}

async function remove(site: string, options: RemoveOptions): Promise<number> {
  const answer = await clientOf(options).request({
    method: 'DELETE',
    path: `/sites/${encodeURIComponent(site)}?now=${options.now === true}`,
    onProgress: printWaits,
  });
  const result = decode(switchResult, answer, 'remove');
  printOutcome(options, result, () => [`${result.siteId}: removed${untilWhen(result)}`]);
  return EXIT_CODES.ok;
}

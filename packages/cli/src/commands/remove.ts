// `vhostd remove SITE`: a site that was added is served no longer.
import { rmSync } from 'node:fs';
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { SwitchResult } from '@vhostd/protocol';
import { decode, switchResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { defaultLogFiles } from '../logs/log-sources.js';
import { allMeant, orderEach } from './all-sites.js';
import { addSiteOptions, orderDaemon, printOutcome, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

interface RemoveOptions extends ClientOptions {
  now?: true;
  logs?: true;
}

/** What is left of it. */
interface Removed extends SwitchResult {
  /** Its logs: they stay, or were removed. */
  logs: string[];
}

export function addRemoveCommand(program: Command): void {
  const command = program
    .command('remove')
    .summary('take away a site that was added')
    .description(
      'Undoes vhostd add: lets the connections of the site finish within its drain limit, and forgets it. ' +
        'A site of the conf goes when it is taken out there and the conf is reloaded. With all: every site that was added.',
    )
    .option('--now', 'without letting connections finish')
    .option('--logs', 'with its default logs, which stay otherwise');
  addSiteOptions(command).action((site: string, options: RemoveOptions) =>
    attempt(options, () => remove(site, options)),
  );
}

async function remove(site: string, options: RemoveOptions): Promise<number> {
  const order = async (siteId: string): Promise<Removed> => {
    const logs = await defaultLogFiles(options, siteId);
    const path = `/sites/${encodeURIComponent(siteId)}?now=${options.now === true}`;
    const result = decode(switchResult, await orderDaemon(options, { method: 'DELETE', path }), 'remove');
    if (options.logs === true) for (const file of logs) rmSync(file, { force: true });
    return { ...result, logs };
  };
  const describe = (result: Removed): string => describeRemoved(result, options);
  const all = await allMeant(options, site);
  if (all !== undefined) {
    const added = all.filter((one) => one.added === true).map(({ siteId }) => siteId);
    return await orderEach(
      options,
      added,
      order,
      describe,
      'no site was added; those of the conf are taken out there',
    );
  }
  const result = await order(site);
  printOutcome(options, result, () => [describe(result)]);
  return EXIT_CODES.ok;
}

function describeRemoved(result: Removed, options: RemoveOptions): string {
  const { siteId, logs } = result;
  const [first] = logs;
  const stay = options.logs === true ? 'with its logs' : `its log stays: ${first}`;
  return `${siteId}: removed${untilWhen(result)}${first === undefined ? '' : `, ${stay}`}`;
}

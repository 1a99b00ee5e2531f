// `vhostd flush`: the logs of a site, or of all, begin anew.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, flushResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { oneOrAll } from './all-sites.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

export function addFlushCommand(program: Command): void {
  const command = program
    .command('flush')
    .summary('empty the logs of a site, or of all')
    .description(
      'Empties the log files of a site, or of all sites, and removes those that they were rotated to.',
    )
    .argument('[site]', 'its siteId');
  addClientOptions(command).action((site: string | undefined, options: ClientOptions) =>
    attempt(options, () => flush(site, options)),
  );
}

async function flush(name: string | undefined, options: ClientOptions): Promise<number> {
  const site = await oneOrAll(options, name);
  const body = site === undefined ? {} : { siteId: site };
  const answer = await clientOf(options).request({ method: 'POST', path: '/logs/flush', body });
  const result = decode(flushResult, answer, 'flush');
  printOutcome(options, result, () =>
    result.files.length === 0 ? ['there are no log files'] : result.files.map((file) => `${file}: emptied`),
  );
  return EXIT_CODES.ok;
}

// `vhostd maintenance`: every request of a site is answered with a page.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { MaintenanceResult } from '@vhostd/protocol';
import { decode, maintenanceResult } from '@vhostd/protocol/schemas';
import { Option } from 'commander';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { addSiteOptions, orderSite, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

interface MaintenanceCommandOptions extends ClientOptions {
  message?: string;
  off?: true;
}

export function addMaintenanceCommand(program: Command): void {
  const command = program
    .command('maintenance')
    .summary("answer a site's requests with a maintenance page, or no longer")
    .description(
      'Answers every request of a site with status 503 and a page: the file that its conf names in maintenancePage, ' +
        'or a plain one with the message. Requests in work finish. Its workers stay; --off ends it.',
    )
    .option('--message <text>', 'shown on the plain page and by vhostd status')
    .addOption(new Option('--off', 'let the site answer again').conflicts('message'));
  addSiteOptions(command).action((site: string, options: MaintenanceCommandOptions) =>
    attempt(options, () => maintenance(site, options)),
  );
}

async function maintenance(site: string, options: MaintenanceCommandOptions): Promise<number> {
  const { message, off } = options;
  const body = message === undefined ? {} : { message };
  const request = off === true ? { method: 'DELETE' as const } : { body };
  const answer = await orderSite(options, site, 'maintenance', request);
  const result = decode(maintenanceResult, answer, 'maintenance');
  printOutcome(options, result, () => [describe(result)]);
  return EXIT_CODES.ok;
}

function describe({ siteId, on, page, silentCount }: MaintenanceResult): string {
  const state = on ? `in maintenance${page === undefined ? '' : `, with ${page}`}` : 'in service';
  if (silentCount === 0) return `${siteId}: ${state}`;
  const workers = silentCount === 1 ? '1 worker does' : `${silentCount} workers do`;
  return `${siteId}: ${state}; ${workers} not answer and will follow`;
}

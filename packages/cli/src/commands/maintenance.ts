// `vhostd maintenance`: every request of a site is answered with a page.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { MaintenanceResult } from '@vhostd/protocol';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { printableLine } from '../printable.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface MaintenanceCommandOptions extends CommonOptions {
  message?: string;
  off?: true;
  runDir?: string;
}

export function addMaintenanceCommand(program: Command): void {
  program
    .command('maintenance')
    .summary("answer a site's requests with a maintenance page, or no longer")
    .description(
      'Answers every request of a site with status 503 and a page: the file that its conf names in maintenancePage, ' +
        'or a plain one with the message. Requests in work finish. Its workers stay; --off ends it.',
    )
    .argument('<site>', 'its siteId')
    .option('--message <text>', 'shown on the plain page and by vhostd status')
    .addOption(new Option('--off', 'let the site answer again').conflicts('message'))
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((site: string, options: MaintenanceCommandOptions) =>
      attempt(options, () => maintenance(site, options)),
    );
}

async function maintenance(site: string, options: MaintenanceCommandOptions): Promise<number> {
  const { message, off, runDir } = options;
  const wanted = message === undefined ? {} : { message };
  const result = await new DaemonClient(runDir).maintenance(site, off === true ? null : wanted);
  process.stdout.write(`${printableLine(describe(result))}\n`);
  return EXIT_CODES.ok;
}

function describe({ siteId, on, page, silentCount }: MaintenanceResult): string {
  const state = on ? `in maintenance${page === undefined ? '' : `, with ${page}`}` : 'in service';
  if (silentCount === 0) return `${siteId}: ${state}`;
  const workers = silentCount === 1 ? '1 worker does' : `${silentCount} workers do`;
  return `${siteId}: ${state}; ${workers} not answer and will follow`;
}

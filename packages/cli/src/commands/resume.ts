// `vhostd resume`: the connections that a pause holds go to the site's workers.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { Command } from 'commander';
import { connections } from '../connections.js';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { printableLine } from '../printable.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface ResumeOptions extends CommonOptions {
  runDir?: string;
}

export function addResumeCommand(program: Command): void {
  program
    .command('resume')
    .summary('hand over the connections that a pause holds')
    .description(
      'Ends the pause of a site: the connections that were held are handed to its workers, in order.',
    )
    .argument('<site>', 'its siteId')
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((site: string, options: ResumeOptions) => attempt(options, () => resume(site, options)));
}

async function resume(site: string, { runDir }: ResumeOptions): Promise<number> {
  const { siteId, wasPaused, heldCount } = await new DaemonClient(runDir).resume(site);
  const what = wasPaused ? `resumed, ${connections(heldCount)} held until now` : 'was not paused';
  process.stdout.write(`${printableLine(`${siteId}: ${what}`)}\n`);
  return EXIT_CODES.ok;
}

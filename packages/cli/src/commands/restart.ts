// `vhostd restart`: all workers of a site are replaced at once.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import { decode, restartResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { printableLine } from '../printable.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface RestartOptions extends CommonOptions {
  runDir?: string;
}

export function addRestartCommand(program: Command): void {
  program
    .command('restart')
    .summary('replace all workers of a site at once, cold')
    .description(
      'Stops all workers of a site, which finish what they have, and starts as many anew. ' +
        'The site is away in between: vhostd reload is the way without a gap.',
    )
    .argument('<site>', 'its siteId')
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((site: string, options: RestartOptions) => attempt(options, () => restart(site, options)));
}

async function restart(site: string, { runDir }: RestartOptions): Promise<number> {
  const path = `/sites/${encodeURIComponent(site)}/restart`;
  const answer = await new DaemonClient(runDir).request({ method: 'POST', path });
  const { siteId, workers } = decode(restartResult, answer, 'restart');
  process.stdout.write(`${printableLine(`${siteId}: ${workers} workers restarted`)}\n`);
  return EXIT_CODES.ok;
}

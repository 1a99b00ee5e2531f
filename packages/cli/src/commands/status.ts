// `vhostd status`: what a running daemon says of itself and of its sites.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { statusReport } from '../status-report.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface StatusOptions extends CommonOptions {
  json?: true;
  runDir?: string;
}

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .summary('show the daemon, its sites and their workers')
    .description('Shows a running daemon, its sites and their workers.')
    .option('--json', 'as JSON, for programs')
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((options: StatusOptions) => attempt(options, () => status(options)));
}

async function status({ json, runDir }: StatusOptions): Promise<number> {
  const told = await new DaemonClient(runDir).status();
  const lines = json === true ? [JSON.stringify(told, null, 2)] : statusReport(told);
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT_CODES.ok;
}

// `vhostd upgrade`: the daemon, its master and all workers are replaced by new ones, of another version perhaps.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { printableLine } from '../printable.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface UpgradeOptions extends CommonOptions {
  node?: string;
  runDir?: string;
}

export function addUpgradeCommand(program: Command): void {
  program
    .command('upgrade')
    .summary('replace the daemon itself, by another version or another Node')
    .description(
      'Starts the daemon once more, with the code and the Node that are on disk now. When the new one has loaded every ' +
        'site that serves, it takes over without refusing a connection, and the old one leaves when its connections ' +
        'have ended. If anything fails before, the old one serves on and the exit code is 1.',
    )
    .option('--node <path>', 'Node binary of the new daemon (default: the present one, by its path)')
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((options: UpgradeOptions) => attempt(options, () => upgrade(options)));
}

async function upgrade({ node, runDir }: UpgradeOptions): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${printableLine(line)}\n`);
  const outcome = await new DaemonClient(runDir).upgrade({
    onProgress: print,
    ...(node === undefined ? {} : { node }),
  });
  for (const { siteId, reason } of outcome.failed) print(`site ${siteId} does not serve: ${reason}`);
  print(`vhostd upgraded: process ${outcome.pid}, ${outcome.version}, Node ${outcome.node}`);
  return EXIT_CODES.ok;
}

// `vhostd reload`: new workers with the code and conf that are on disk now.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { ReloadResult } from '@vhostd/protocol';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { printableLine } from '../printable.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface ReloadOptions extends CommonOptions {
  runDir?: string;
}

export function addReloadCommand(program: Command): void {
  program
    .command('reload')
    .summary('replace the workers of one site, or of all')
    .description(
      'Reads the conf anew and replaces the workers of one site, or of all, without losing a connection. ' +
        'Prints a line a site. If a new generation fails, the old one serves on and the exit code is 1.',
    )
    .argument('[site]', 'its siteId')
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((site: string | undefined, options: ReloadOptions) =>
      attempt(options, () => reload(site, options)),
    );
}

async function reload(site: string | undefined, { runDir }: ReloadOptions): Promise<number> {
  const { sites } = await new DaemonClient(runDir).reload(site);
  for (const outcome of sites) process.stdout.write(`${describe(outcome)}\n`);
  if (sites.length === 0) process.stdout.write('no sites\n');
  return sites.every(({ ok }) => ok) ? EXIT_CODES.ok : EXIT_CODES.failed;
}

function describe({ siteId, generation, ok, error }: ReloadResult['sites'][number]): string {
  if (ok) return printableLine(`${siteId}: generation ${generation}`);
  const why = error === undefined ? 'for an unknown reason' : `${error.message} (${error.code})`;
  return printableLine(`${siteId}: failed: ${why}`);
}

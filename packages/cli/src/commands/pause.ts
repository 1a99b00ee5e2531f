// `vhostd pause`: a site's new connections are held.
import { DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { Command } from 'commander';
import { connections } from '../connections.js';
import { formatDuration } from '../duration.js';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { printableLine } from '../printable.js';
import { logLevelOption, runDirOption, STACK_HINT } from './options.js';

interface PauseOptions extends CommonOptions {
  runDir?: string;
  timeout?: string;
}

export function addPauseCommand(program: Command): void {
  program
    .command('pause')
    .summary("hold a site's new connections")
    .description(
      'Holds new connections of a site, unread, until it is resumed; those that its workers have go on. ' +
        'Each is held for a limited time, and only so many: the others are answered 503.',
    )
    .argument('<site>', 'its siteId')
    .option(
      '--timeout <duration>',
      "how long each is held, such as 2m (default: 30s, or the site's parkTimeout if longer)",
    )
    .addOption(runDirOption())
    .addOption(logLevelOption(STACK_HINT))
    .action((site: string, options: PauseOptions) => attempt(options, () => pause(site, options)));
}

async function pause(site: string, { runDir, timeout }: PauseOptions): Promise<number> {
  const client = new DaemonClient(runDir);
  const { siteId, timeoutMs, maxCount } = await client.pause(site, timeout === undefined ? {} : { timeout });
  const limits = `up to ${connections(maxCount)} for up to ${spanOf(timeoutMs)} each`;
  process.stdout.write(`${printableLine(`${siteId}: paused, holds ${limits}`)}\n`);
  return EXIT_CODES.ok;
}

function spanOf(spanMs: number): string {
  return spanMs < 1000 ? `${spanMs}ms` : formatDuration(spanMs);
}

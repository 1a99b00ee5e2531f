// `vhostd pause`: a site's new connections are held.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, pauseResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { counted } from '../counted.js';
import { formatDuration } from '../duration.js';
import { attempt } from '../errors.js';
import { addSiteOptions, orderSite, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

interface PauseOptions extends ClientOptions {
  timeout?: string;
}

export function addPauseCommand(program: Command): void {
  const command = program
    .command('pause')
    .summary("hold a site's new connections")
    .description(
      'Holds new connections of a site, unread, until it is resumed; those that its workers have go on. ' +
        'Each is held for a limited time, and only so many: the others are answered 503.',
    )
    .option(
      '--timeout <duration>',
      "how long each is held, such as 2m (default: 30s, or the site's parkTimeout if longer)",
    );
  addSiteOptions(command).action((site: string, options: PauseOptions) =>
    attempt(options, () => pause(site, options)),
  );
}

async function pause(site: string, options: PauseOptions): Promise<number> {
  const { timeout } = options;
  const body = timeout === undefined ? {} : { timeout };
  const result = decode(pauseResult, await orderSite(options, site, 'pause', { body }), 'pause');
  const { siteId, timeoutMs, maxCount } = result;
  const limits = `up to ${counted(maxCount, 'connection')} for up to ${spanOf(timeoutMs)} each`;
  printOutcome(options, result, () => [`${siteId}: paused, holds ${limits}`]);
  return EXIT_CODES.ok;
}

function spanOf(spanMs: number): string {
  return spanMs < 1000 ? `${spanMs}ms` : formatDuration(spanMs);
}

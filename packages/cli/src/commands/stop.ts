// `vhostd stop`: ends a running daemon and waits until it has gone; or takes one site down.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, switchResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { addClientOptions, clientOf, orderSite, printOutcome, printWaits, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

interface StopOptions extends ClientOptions {
  now?: true;
}

export function addStopCommand(program: Command): void {
  const command = program
    .command('stop')
    .summary('stop one site, or the daemon')
    .description(
      'Lets the connections of a site finish within its drain limit, stops it, and waits until it is done; it stays ' +
        'stopped until vhostd start. Without a site: of all sites, and the daemon ends.',
    )
    .argument('[site]', 'its siteId')
    .option('--now', 'without letting connections finish');
  addClientOptions(command).action((site: string | undefined, options: StopOptions) =>
    attempt(options, () => (site === undefined ? stop(options) : stopSite(site, options))),
  );
}

async function stop(options: StopOptions): Promise<number> {
  await clientOf(options).stop({ now: options.now === true, onProgress: printWaits });
  printOutcome(options, { stopped: true }, () => ['vhostd stopped']);
  return EXIT_CODES.ok;
}

async function stopSite(site: string, options: StopOptions): Promise<number> {
  const answer = await orderSite(options, site, 'stop', { body: { now: options.now === true } });
  const result = decode(switchResult, answer, 'stop');
  printOutcome(options, result, () => [`${result.siteId}: stopped${untilWhen(result)}`]);
  return EXIT_CODES.ok;
}

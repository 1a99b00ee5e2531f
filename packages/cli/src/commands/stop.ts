// `vhostd stop`: ends a running daemon and waits until it has gone; or takes one site down.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { SHOWN_SITE_STATES } from '@vhostd/protocol';
import type { SwitchResult } from '@vhostd/protocol';
import { decode, switchResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { allMeant, orderEach } from './all-sites.js';
import { addClientOptions, orderSite, printOutcome, sentences, untilWhen, whileShown } from './options.js';
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
        'stopped until vhostd start. With all: every site, and the daemon goes on. Without a site: of all sites, and the daemon ends.',
    )
    .argument('[site]', 'its siteId')
    .option('--now', 'without letting connections finish');
  addClientOptions(command).action((site: string | undefined, options: StopOptions) =>
    attempt(options, () => (site === undefined ? stop(options) : stopSite(site, options))),
  );
}

async function stop(options: StopOptions): Promise<number> {
  const now = options.now === true;
  await whileShown(options, (client, onProgress) => client.stop({ now, onProgress }));
  printOutcome(options, { stopped: true }, () => ['vhostd stopped']);
  return EXIT_CODES.ok;
}

async function stopSite(site: string, options: StopOptions): Promise<number> {
  const body = { now: options.now === true };
  const order = async (siteId: string): Promise<SwitchResult> =>
    decode(switchResult, await orderSite(options, siteId, 'stop', { body }), 'stop');
  const all = await allMeant(options, site);
  if (all !== undefined) {
    const running = all
      .filter(({ state }) => SHOWN_SITE_STATES[state].verdict !== 'off')
      .map(({ siteId }) => siteId);
    const code = await orderEach(options, running, order, describe, 'no site runs');
    if (options.json !== true) {
      const next =
        'vhostd goes on without sites: vhostd start all starts them, vhostd stop ends vhostd itself';
      process.stdout.write(`${sentences([next]).join('\n')}\n`);
    }
    return code;
  }
  const result = await order(site);
  printOutcome(options, result, () => [describe(result)]);
  return EXIT_CODES.ok;
}

function describe(result: SwitchResult): string {
  return `${result.siteId}: stopped${untilWhen(result)}`;
}

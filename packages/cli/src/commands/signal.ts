// `vhostd signal SITE SIGNAL`: a signal for every worker of a site.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, signalResult, WORKER_SIGNALS } from '@vhostd/protocol/schemas';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { counted } from '../counted.js';
import { addSiteOptions, orderSite, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

export function addSignalCommand(program: Command): void {
  const command = program
    .command('signal')
    .summary("send a signal to a site's workers")
    .description(
      'Sends a signal to every worker of a site, as kill does. What it means is for the app to say.',
    );
  addSiteOptions(command)
    .argument('<signal>', 'its name: SIGUSR2, or USR2', parseSignal)
    .action((site: string, signal: string, options: ClientOptions) =>
      attempt(options, () => send(site, signal, options)),
    );
}

async function send(site: string, signal: string, options: ClientOptions): Promise<number> {
  const answer = await orderSite(options, site, 'signal', { body: { signal } });
  const result = decode(signalResult, answer, 'signal');
  const workers = counted(result.workers, 'worker');
  printOutcome(options, result, () => [`${site}: ${signal} sent to ${workers}`]);
  return EXIT_CODES.ok;
}

function parseSignal(text: string): string {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  if (WORKER_SIGNALS.some((known) => known === name)) return name;
  throw new InvalidArgumentError(`It is not one of ${WORKER_SIGNALS.join(', ')}.`);
}

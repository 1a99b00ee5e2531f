// `vhostd fleet`: this machine among others.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, fleetStatus } from '@vhostd/protocol/schemas';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { fleetReport } from '../fleet-report.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

interface FleetOptions extends ClientOptions {
  host?: string;
}

type Action = 'status';

export function addFleetCommand(program: Command): void {
  const command = program
    .command('fleet')
    .summary('show this machine among others')
    .description(
      'status shows the machines of the fleet and their hosts, as its store has them, and where machines do not agree; ' +
        'the exit code is 1 where the store can not be read.',
    )
    .addArgument(new Argument('<action>', 'what to do').choices(['status']))
    .option('--host <host>', 'status: of this host only, as the conf names it');
  addClientOptions(command).action((_action: Action, options: FleetOptions) =>
    attempt(options, () => status(options)),
  );
}

async function status(options: FleetOptions): Promise<number> {
  const { host } = options;
  const query = host === undefined ? '' : `?host=${encodeURIComponent(host)}`;
  const answer = await clientOf(options).request({ method: 'GET', path: `/fleet${query}` });
  const told = decode(fleetStatus, answer, 'fleet');
  printOutcome(options, told, () => fleetReport(told, process.stdout.columns ?? DEFAULT_WIDTH, host));
  return told.store === undefined ? EXIT_CODES.failed : EXIT_CODES.ok;
}

const DEFAULT_WIDTH = 80;

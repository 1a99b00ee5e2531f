// `vhostd fleet`: this machine among others.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { FleetDrainResult } from '@vhostd/protocol';
import { decode, fleetDrainResult, fleetStatus } from '@vhostd/protocol/schemas';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { tableWidth } from '../columns.js';
import { attempt } from '../errors.js';
import { drainReport, fleetReport } from '../fleet-report.js';
import { addClientOptions, clientOf, orderDaemon, printOutcome, sentences, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

interface FleetOptions extends ClientOptions {
  host?: string;
  timeout?: string;
}

type Action = 'status' | 'drain' | 'resume';

export function addFleetCommand(program: Command): void {
  const command = program
    .command('fleet')
    .summary('show, drain or resume this machine')
    .description(
      'status shows the machines of the fleet and their hosts, as its store has them, and where machines do not agree. ' +
        'drain takes this machine out and waits until every edge leads clients to others; resume brings it back. What is ' +
        'drained stays so, also under the next master. The exit code is 1 where the store or an edge does not follow.',
    )
    .addArgument(new Argument('<action>', 'what to do').choices(['status', 'drain', 'resume']))
    .option('--host <host>', 'status: of this host only, as the conf names it')
    .option('--timeout <duration>', 'drain, resume: how long edges are waited for (default: 30s)');
  addClientOptions(command).action((action: Action, options: FleetOptions) =>
    attempt(options, () => (action === 'status' ? status(options) : change(action, options))),
  );
}

/** Takes the machine out of the fleet, or brings it back. */
export async function orderFleet(
  action: 'drain' | 'resume',
  options: ClientOptions & { timeout?: string },
): Promise<FleetDrainResult> {
  const { timeout } = options;
  const body = timeout === undefined ? {} : { timeout };
  const answer = await orderDaemon(options, { method: 'POST', path: `/fleet/${action}`, body });
  return decode(fleetDrainResult, answer, action);
}

async function status(options: FleetOptions): Promise<number> {
  const { host } = options;
  const query = host === undefined ? '' : `?host=${encodeURIComponent(host)}`;
  const answer = await clientOf(options).request({ method: 'GET', path: `/fleet${query}` });
  const told = decode(fleetStatus, answer, 'fleet');
  printOutcome(options, told, () => fleetReport(told, tableWidth(), host));
  return told.store === undefined ? EXIT_CODES.failed : EXIT_CODES.ok;
}

async function change(action: 'drain' | 'resume', options: FleetOptions): Promise<number> {
  const result = await orderFleet(action, options);
  const [first = '', ...rest] = drainReport(result);
  printOutcome(options, result, () => sentences([`${first}${untilWhen(result)}`, ...rest]));
  return result.edges.every(({ applied }) => applied) ? EXIT_CODES.ok : EXIT_CODES.failed;
}

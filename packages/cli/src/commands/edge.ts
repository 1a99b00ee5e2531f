// `vhostd edge`: leads clients to the machines of a fleet, with HAProxy.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { eventLine } from './events.js';
import { logLevelOption } from './options.js';

interface EdgeOptions extends CommonOptions {
  config: string;
  json?: true;
}

export function addEdgeCommand(program: Command): void {
  program
    .command('edge')
    .summary('keep an HAProxy as the fleet wants it')
    .description(
      'Runs beside an HAProxy, follows the fleet in its store, and keeps the conf, the maps and the servers of HAProxy as ' +
        'that wants them, until SIGTERM. Prints what happens: in words on a terminal, else as JSON lines.',
    )
    .requiredOption('--config <file>', 'conf of the edge')
    .option('--json', 'print JSON lines, also on a terminal')
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((options: EdgeOptions) => attempt(options, () => edge(options)));
}

async function edge({ config, json }: EdgeOptions): Promise<number> {
  // It is nobody's who does not run an edge.
  const { Edge, loadEdgeConf } = await import('@vhostd/fleet');
  const inWords = json !== true && process.stdout.isTTY;
  const running = new Edge(loadEdgeConf(config), (event, fields) => {
    const time = new Date().toISOString();
    const line = inWords
      ? eventLine({ time, event, payload: fields })
      : JSON.stringify({ time, event, ...fields });
    process.stdout.write(`${line}\n`);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => running.end());
  await running.run();
  return EXIT_CODES.ok;
}

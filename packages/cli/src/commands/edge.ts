// `vhostd edge`: leads clients to the machines of a fleet, with HAProxy.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { logLevelOption } from './options.js';
import type { CommonOptions } from '../errors.js';

interface EdgeOptions extends CommonOptions {
  config: string;
}

export function addEdgeCommand(program: Command): void {
  program
    .command('edge')
    .summary('keep an HAProxy as the fleet wants it')
    .description(
      'Runs beside an HAProxy, follows the fleet in its store, and keeps the conf, the maps and the servers of HAProxy as ' +
        'that wants them, until SIGTERM. Prints what happens as JSON lines.',
    )
    .requiredOption('--config <file>', 'conf of the edge')
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((options: EdgeOptions) => attempt(options, () => edge(options)));
}

async function edge({ config }: EdgeOptions): Promise<number> {
  // It is nobody's who does not run an edge.
  const { Edge, loadEdgeConf } = await import('@vhostd/fleet');
  const running = new Edge(loadEdgeConf(config), (event, fields) => {
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => running.end());
  await running.run();
  return EXIT_CODES.ok;
}

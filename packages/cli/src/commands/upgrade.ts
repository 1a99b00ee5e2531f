// `vhostd upgrade`: the daemon, its master and all workers are replaced by new ones, of another version perhaps.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { Command } from 'commander';
import { attempt, printError } from '../errors.js';
import { drainReport } from '../fleet-report.js';
import { printableLine } from '../printable.js';
import { orderFleet } from './fleet.js';
import { addClientOptions, clientOf, printOutcome, sentences } from './options.js';
import type { ClientOptions } from './options.js';

interface UpgradeOptions extends ClientOptions {
  node?: string;
  fleet?: true;
}

export function addUpgradeCommand(program: Command): void {
  const command = program
    .command('upgrade')
    .summary('replace the daemon itself, by another version or another Node')
    .description(
      'Starts the daemon once more, with the code and the Node that are on disk now. When the new one has loaded every ' +
        'site that serves, it takes over without refusing a connection, and the old one leaves when its connections ' +
        'have ended. If anything fails before, the old one serves on and the exit code is 1.',
    )
    .option('--node <path>', 'Node binary of the new daemon (default: the present one, by its path)')
    .option('--fleet', 'drain this machine in its fleet before, and bring it back behind it');
  addClientOptions(command).action((options: UpgradeOptions) =>
    attempt(options, () => (options.fleet === true ? upgradeDrained(options) : upgrade(options))),
  );
}

async function upgrade(options: UpgradeOptions): Promise<number> {
  const { node, json } = options;
  const outcome = await clientOf(options).upgrade({
    onProgress: (line) => {
      if (json !== true) process.stdout.write(`${printableLine(line)}\n`);
    },
    ...(node === undefined ? {} : { node }),
  });
  printOutcome(options, outcome, () =>
    sentences([
      ...outcome.failed.map(({ siteId, reason }) => `site ${siteId} does not serve: ${reason}`),
      `vhostd upgraded: process ${outcome.pid}, ${outcome.version}, Node ${outcome.node}`,
    ]),
  );
  return EXIT_CODES.ok;
}

/** However the upgrade ends, the machine is brought back, unless it had been taken out before. */
async function upgradeDrained(options: UpgradeOptions): Promise<number> {
  const { fleet } = await clientOf(options).status();
  if (fleet?.drained === true) {
    tell(options, [`${fleet.machine} is drained, and stays so`]);
    return await upgrade(options);
  }
  try {
    const drained = await orderFleet('drain', options);
    tell(options, drainReport(drained));
    const late = drained.edges.filter(({ applied }) => !applied).map(({ edge }) => edge);
    if (late.length > 0) {
      const message = `edges that may lead clients here still: ${late.join(', ')}; nothing was upgraded`;
      throw new VhostError('ERR_FLEET_EDGES', message, { info: { edges: late } });
    }
    const code = await upgrade(options);
    return (await bringBack(options)) ? code : EXIT_CODES.failed;
  } catch (error) {
    if (!isWithoutFleet(error)) await bringBack(options);
    throw error;
  }
}

/** Whether all edges lead clients here again; what fails is told. */
async function bringBack(options: UpgradeOptions): Promise<boolean> {
  try {
    const resumed = await orderFleet('resume', options);
    tell(options, drainReport(resumed));
    return resumed.edges.every(({ applied }) => applied);
  } catch (error) {
    printError(error, options);
    return false;
  }
}

/** On standard error where the outcome is for programs. */
function tell({ json }: UpgradeOptions, lines: readonly string[]): void {
  const stream = json === true ? process.stderr : process.stdout;
  stream.write(`${sentences(lines).join('\n')}\n`);
}

function isWithoutFleet(error: unknown): boolean {
  return error instanceof VhostError && error.code === 'ERR_FLEET_NONE';
}

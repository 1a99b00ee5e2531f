// `vhostd top`: sites and workers, live in a terminal.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { Command } from 'commander';
import { showsColours } from '../colours.js';
import { attempt } from '../errors.js';
import { openSiteLog } from '../logs/open-site-log.js';
import { Screen } from '../top/screen.js';
import { Top } from '../top/top.js';
import type { TopLog } from '../top/top.js';
import { printRows } from '../top/print-rows.js';
import { addClientOptions, clientOf } from './options.js';
import type { ClientOptions } from './options.js';

export function addTopCommand(program: Command): void {
  const command = program
    .command('top')
    .summary('show sites and workers live, in a terminal')
    .description(
      'Shows sites and workers, what they do and what happens, until q. ' +
        'Keys sort, filter, reload a site and follow its log; the last line names them. With --json it prints a line a second.',
    );
  addClientOptions(command).action((options: ClientOptions) => attempt(options, () => top(options)));
}

async function top(options: ClientOptions): Promise<number> {
  if (options.json === true) return await printRows(clientOf(options));
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) {
    const message = 'top needs a terminal; vhostd top --json is for programs';
    throw new VhostError('ERR_TERMINAL', message);
  }
  const client = clientOf(options);
  // What is wrong is said before the terminal is taken.
  await client.status();
  const screen = new Screen(stdin, stdout, showsColours());
  const session = new Top({ client, screen, openLog: (siteId) => openLog(options, siteId) });
  const end = (signal: NodeJS.Signals): void => {
    screen.close();
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, end);
  process.on('SIGTSTP', () => {
    screen.suspend();
    session.draw();
  });
  screen.open();
  stdout.on('resize', () => {
    screen.redraw();
    session.draw();
  });
  stdin.setEncoding('utf8').on('data', (chunk) => session.type(String(chunk)));
  try {
    await session.run();
  } finally {
    screen.close();
    stdin.pause();
  }
  return EXIT_CODES.ok;
}

async function openLog(options: ClientOptions, siteId: string): Promise<TopLog> {
  const log = await openSiteLog(options, siteId, LAST_COUNT);
  return {
    more: () => log.more().map(({ workerId, line }) => `${workerId ?? siteId} | ${line}`),
    close: () => log.close(),
  };
}

/** Lines of each log that are shown at first. */
const LAST_COUNT = 20;

// `vhostd top`: sites and workers, live in a terminal.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { Command } from 'commander';
import { showsColours } from '../colours.js';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { openSiteLog } from '../logs/open-site-log.js';
import { Screen } from '../top/screen.js';
import { Top } from '../top/top.js';
import type { TopLog } from '../top/top.js';
import { clientOf, logLevelOption, runDirOption } from './options.js';

interface TopCommandOptions extends CommonOptions {
  runDir?: string;
}

export function addTopCommand(program: Command): void {
  program
    .command('top')
    .summary('show sites and workers live, in a terminal')
    .description(
      'Shows sites and workers, what they do and what happens, until q. ' +
        'Keys sort, filter, reload a site and follow its log; the last line names them.',
    )
    .addOption(runDirOption('default: that of the only daemon of this user'))
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((options: TopCommandOptions) => attempt(options, () => top(options)));
}

async function top(options: TopCommandOptions): Promise<number> {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) {
    const message = 'top needs a terminal; vhostd status and vhostd events are for programs';
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

async function openLog(options: TopCommandOptions, siteId: string): Promise<TopLog> {
  const log = await openSiteLog(options, siteId, LAST_COUNT);
  return {
    more: () => log.more().map(({ workerId, line }) => `${workerId ?? siteId} | ${line}`),
    close: () => log.close(),
  };
}

/** Lines of each log that are shown at first. */
const LAST_COUNT = 20;

// `vhostd dashboard`: sites and workers, live in a browser.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { openSiteLog } from '../logs/open-site-log.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

interface DashboardCommandOptions extends ClientOptions {
  port: number;
  open: boolean;
}

export function addDashboardCommand(program: Command): void {
  const command = program
    .command('dashboard')
    .summary('show sites and workers live, in a browser')
    .description(
      'Serves a page on 127.0.0.1 that shows sites, workers, logs and what happens, with buttons to reload, scale, stop ' +
        'and start a site. Prints its address, which has a token in it, opens a browser where there is one, and runs ' +
        'until Ctrl-C.',
    )
    .option('--port <port>', 'port of 127.0.0.1; 0: one that is free', parsePort, 0)
    .option('--no-open', 'open no browser');
  addClientOptions(command).action((options: DashboardCommandOptions) =>
    attempt(options, () => dashboard(options)),
  );
}

async function dashboard(options: DashboardCommandOptions): Promise<number> {
  const client = clientOf(options);
  // What is wrong is said before anything is opened.
  await client.status();
  const { Dashboard } = await import('@vhostd/dashboard');
  const page = new Dashboard({
    client,
    port: options.port,
    // That daemon, also where others have been started meanwhile.
    openLog: (siteId) => openSiteLog({ ...options, runDir: client.runDir }, siteId, LAST_COUNT),
  });
  await page.open();
  const address = page.address();
  printOutcome(options, { address }, () => [address]);
  if (options.open && options.json !== true && process.stdout.isTTY)
    openBrowser(page.address({ once: true }));
  await Promise.race((['SIGINT', 'SIGTERM'] as const).map((signal) => once(process, signal)));
  await page.close();
  return EXIT_CODES.ok;
}

/** Where there is a screen. That it fails is no matter: the address is printed. */
function openBrowser(address: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  if (program === 'xdg-open' && DISPLAY === undefined && WAYLAND_DISPLAY === undefined) return;
  const browser = spawn(program, [address], { stdio: 'ignore', detached: true });
  browser.on('error', () => undefined);
  browser.unref();
}

function parsePort(text: string): number {
  const port = Number(text);
  if (text !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('It is not a port.');
}

/** Lines of each log that are shown at first. */
const LAST_COUNT = 200;

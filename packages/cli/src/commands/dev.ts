// `vhostd dev`: an app while it is written. A change is served when its new code is ready; while the code is broken,
// browsers see why, on a page that reloads itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Daemon, DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { LogLevel } from '@vhostd/daemon';
import type { Command } from 'commander';
import { DevLines } from '../dev/dev-lines.js';
import { attempt, printError } from '../errors.js';
import { addSiteFlags } from '../site-flags.js';
import type { SiteFlags } from '../site-flags.js';
import { logLevelOption, RUN_DIR_DEFAULT_DEV, runDirOption } from './options.js';
import { sourceOf } from './run.js';

interface DevOptions extends SiteFlags {
  config?: string;
  runDir?: string;
  json?: true;
  logLevel: LogLevel;
}

export function addDevCommand(program: Command): void {
  const command = program
    .command('dev')
    .summary('run an app, or a conf, and reload what changes')
    .description(
      'For development: runs an app or the sites of a conf file in the foreground, and reloads a site when one of its ' +
        'files changes. The new code is ready before the old one goes; while it is broken, browsers see why.',
    )
    .argument('[app]', 'file or directory that a worker runs, in place of a conf')
    .argument('[args...]', "the app's arguments, behind --")
    .option('--config <file>', 'conf file (default: the vhostd.config.* of the working directory)')
    .option('--json', 'print JSON lines for programs: what sites print, and what changes')
    .addOption(runDirOption(RUN_DIR_DEFAULT_DEV))
    .addOption(logLevelOption('of the logs on stderr').default('warn'));
  addSiteFlags(command).action((app: string | undefined, args: string[], options: DevOptions) =>
    attempt(options, () => dev(app, args, options)),
  );
}

/** Resolves when the daemon runs; it ends the process by itself. */
async function dev(app: string | undefined, args: readonly string[], options: DevOptions): Promise<number> {
  const source = sourceOf(app, args, options, DEV_FIELDS);
  const scratch = mkdtempSync(path.join(tmpdir(), 'vhostd-dev-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const runDir = options.runDir ?? path.join(scratch, 'run');
  const daemon = new Daemon({
    masterFile: fileURLToPath(import.meta.resolve('@vhostd/master/run-master')),
    masterArgs: [...source, '--watch', '--log-level', options.logLevel],
    logLevel: options.logLevel,
    screen: options.json === true ? 'json' : true,
    runDir,
    stateDir: path.join(scratch, 'state'),
    signals: false,
  });
  let asked = false;
  // SIGHUP: the terminal has closed.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      void daemon.stop({ now: asked });
      asked = true;
    });
  }
  daemon.on('error', (error) => printError(error, options));
  daemon.on('stopped', (code) => process.exit(code));
  const lines = new DevLines(new DaemonClient(runDir), options.json === true);
  daemon.on('loaded', () => lines.begin());
  await daemon.run();
  return EXIT_CODES.ok;
}

/** Of an app without a conf: one worker, nothing waits, and broken code is not tried again and again. */
const DEV_FIELDS = { cpuLen: 1, settleTime: 0, drainTimeout: '2s', restart: { intensity: 0 } };

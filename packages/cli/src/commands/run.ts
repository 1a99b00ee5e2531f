// `vhostd run`: a daemon in the foreground with the sites of a conf file.
import { fileURLToPath } from 'node:url';
import { Daemon, EXIT_CODES } from '@vhostd/daemon';
import type { LoadFailure, LogLevel } from '@vhostd/daemon';
import type { Command } from 'commander';
import { confFile } from '../conf-file.js';
import { attempt, describeError, printError } from '../errors.js';
import { printable } from '../printable.js';
import { logLevelOption, RUN_DIR_DEFAULT, runDirOption, stateDirOption } from './options.js';

interface RunOptions {
  config?: string;
  runDir?: string;
  stateDir?: string;
  logLevel: LogLevel;
}

export function addRunCommand(program: Command): void {
  program
    .command('run')
    .summary('run the sites of a conf file until Ctrl-C')
    .description(
      'Runs the sites of a conf file in the foreground. Prints "vhostd ready" once every site is published; ' +
        'a site that fails is told of on stderr and tried again. Ctrl-C and SIGTERM stop it, twice without draining; SIGHUP reloads all.',
    )
    .option(
      '--config <file>',
      'conf file: .json, .js, .mjs, .cjs, .ts, .yaml or .toml (default: the vhostd.config.* of the working directory)',
    )
    .addOption(runDirOption(RUN_DIR_DEFAULT))
    .addOption(stateDirOption())
    .addOption(logLevelOption('of the log on stderr; debug also shows the stack of an error').default('info'))
    .action((options: RunOptions) => attempt(options, () => run(options)));
}

/** Resolves when the daemon runs; it then ends the process by itself, with its own exit code. */
async function run(options: RunOptions): Promise<number> {
  const file = confFile(options.config);
  const daemon = new Daemon({
    masterFile: fileURLToPath(import.meta.resolve('@vhostd/master/run-master')),
    masterArgs: ['--config', file],
    logLevel: options.logLevel,
    screen: process.stdout.isTTY,
    ...(options.stateDir === undefined ? {} : { stateDir: options.stateDir }),
    ...(options.runDir === undefined ? {} : { runDir: options.runDir }),
  });
  let ready = false;
  daemon.on('error', (error) => printError(error, options));
  daemon.on('loaded', (failures) => {
    printFailures(failures);
    // A master that took the place of a dead one loads too.
    if (ready || failures.length > 0) return;
    process.stdout.write('vhostd ready\n');
    ready = true;
  });
  await daemon.run();
  return EXIT_CODES.ok;
}

function printFailures(failures: readonly LoadFailure[]): void {
  for (const { siteId, error } of failures) {
    process.stderr.write(`vhostd: site ${printable(siteId)}: ${describeError(error)}\n`);
  }
}

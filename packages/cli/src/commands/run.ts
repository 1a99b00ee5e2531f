// `vhostd run`: a daemon in the foreground with the sites of a conf file.
import { fileURLToPath } from 'node:url';
import { Daemon, DaemonClient, EXIT_CODES } from '@vhostd/daemon';
import type { LoadFailure, LogLevel } from '@vhostd/daemon';
import { VhostError } from '@vhostd/protocol';
import type { Command } from 'commander';
import { addressTable } from '../addresses.js';
import { boundBackgroundLog } from '../background-log.js';
import { terminalWidth, wrapped } from '../columns.js';
import { confFile, isConfFile } from '../conf-file.js';
import { attempt, describeError, printError, printNextStep } from '../errors.js';
import { ProgressLine } from '../progress.js';
import { printable, printableLine } from '../printable.js';
import { addSiteFlags, hasSiteFlags, refuseMissing, siteOfFlags } from '../site-flags.js';
import type { SiteFlags } from '../site-flags.js';
import { logLevelOption, RUN_DIR_DEFAULT, runDirOption, stateDirOption } from './options.js';

interface RunOptions extends SiteFlags {
  config?: string | false;
  runDir?: string;
  stateDir?: string;
  json?: true;
  logLevel?: LogLevel;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .summary('run the sites of a conf file, or an app, until Ctrl-C')
    .description(
      'Runs the sites of a conf file, or an app without one, in the foreground. Prints "vhostd ready" once every site is published, ' +
        'and which are not once each has been tried; a site that fails is reported on stderr and tried again. Ctrl-C, SIGTERM and the end of its terminal stop it, Ctrl-C twice without draining; SIGHUP reloads all.',
    )
    .argument('[app]', 'file or directory that a worker runs, in place of a conf')
    .argument('[args...]', "the app's arguments, behind --")
    .option(
      '--config <file>',
      'conf file: .json, .js, .mjs, .cjs, .ts, .yaml or .toml (default: the vhostd.config.* of the working directory)',
    )
    .option('--json', 'print JSON lines for programs: what sites print, and which of them are up')
    .option('--no-config', 'without a conf: the sites that vhostd add adds')
    .addOption(runDirOption(RUN_DIR_DEFAULT))
    .addOption(stateDirOption())
    .addOption(
      logLevelOption(
        "of the daemon's and the master's log; debug also shows the stack of an error (default: info; the master's: log.level of the conf)",
      ),
    );
  addSiteFlags(command).action((app: string | undefined, args: string[], options: RunOptions) =>
    attempt(options, () => run(app, args, options)),
  );
}

/** Resolves when the daemon runs; it then ends the process by itself, with its own exit code. */
async function run(app: string | undefined, args: readonly string[], options: RunOptions): Promise<number> {
  const isJson = options.json === true;
  const isTerminal = process.stderr.isTTY && !isJson;
  // A person is told what is wrong; what goes well, programs.
  const logLevel = options.logLevel ?? (isTerminal ? 'warn' : undefined);
  const logSays = isTerminal && logLevel !== 'silent' && logLevel !== 'fatal';
  const daemon = new Daemon({
    masterFile: fileURLToPath(import.meta.resolve('@vhostd/master/run-master')),
    masterArgs: [
      ...sourceOf(app, args, options),
      ...(logLevel === undefined ? [] : ['--log-level', logLevel]),
    ],
    ...(logLevel === undefined ? {} : { logLevel }),
    screen: isJson ? 'json' : process.stdout.isTTY,
    ...(options.stateDir === undefined ? {} : { stateDir: options.stateDir }),
    ...(options.runDir === undefined ? {} : { runDir: options.runDir }),
  });
  let ready = false;
  let told = false;
  // Before what is printed then: its line goes first.
  if (isTerminal) showProgress(daemon, options.runDir);
  daemon.on('error', (error) => (logSays ? printNextStep(error) : printError(error, options)));
  daemon.on('loaded', (failures) => {
    if (!logSays) printFailures(failures);
    // A master that took the place of a dead one loads too.
    if (ready) return;
    if (isJson) {
      ready = failures.length === 0;
      printLoaded(failures);
      return;
    }
    if (failures.length > 0) {
      if (!told) void printReadiness(new DaemonClient(options.runDir), failures).catch(() => undefined);
      told = true;
      return;
    }
    process.stdout.write('vhostd ready\n');
    ready = true;
    if (process.stdout.isTTY) void printAddresses(new DaemonClient(options.runDir));
  });
  if (!isTerminal && options.stateDir !== undefined) boundBackgroundLog(options.stateDir);
  await daemon.run();
  return EXIT_CODES.ok;
}

/** For programs. */
function printLoaded(failures: readonly LoadFailure[]): void {
  const failed = failures.map(({ siteId, error }) => ({ siteId, message: describeError(error) }));
  process.stdout.write(`${JSON.stringify({ event: failed.length === 0 ? 'ready' : 'failed', failed })}\n`);
}

/** Says which sites are up and which are not. */
async function printReadiness(client: DaemonClient, failures: readonly LoadFailure[]): Promise<void> {
  const failed = new Set(failures.map(({ siteId }) => siteId));
  const { sites } = await client.status();
  const up = sites.map(({ siteId }) => siteId).filter((siteId) => !failed.has(siteId));
  const text = `vhostd ready: ${up.length} of ${sites.length} sites; up: ${namesOf(up)}; not up: ${namesOf([...failed])}`;
  process.stdout.write(`${wrapped(printableLine(text), terminalWidth()).join('\n')}\n`);
  if (process.stdout.isTTY) await printAddresses(client);
}

function namesOf(siteIds: readonly string[]): string {
  const more = siteIds.length - SHOWN_SITES_MAX_COUNT;
  const names = siteIds.slice(0, SHOWN_SITES_MAX_COUNT).join(', ') || 'none';
  return more > 0 ? `${names} and ${more} more` : names;
}

function printAddresses(client: DaemonClient): Promise<void> {
  return addressTable(client).then(
    (lines) => void process.stdout.write(lines.map((line) => `${line}\n`).join('')),
    () => undefined,
  );
}

/** Shows what it is at until all sites are up, and again when it is told to stop. */
function showProgress(daemon: Daemon, runDir: string | undefined): void {
  const client = new DaemonClient(runDir);
  let line: ProgressLine | undefined = new ProgressLine(client);
  daemon.once('loaded', () => {
    line?.close();
    line = undefined;
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      line ??= new ProgressLine(client, { hint: 'Ctrl-C again ends at once' });
    });
  }
  daemon.once('stopped', () => line?.close());
}

/** Where the master is to have its sites from; `defaults` are fields of an app that has no flag for them. */
export function sourceOf(
  app: string | undefined,
  args: readonly string[],
  options: SiteFlags & { config?: string | false },
  defaults: object = {},
): string[] {
  const { config } = options;
  if (app === undefined) {
    if (hasSiteFlags(options)) {
      throw new VhostError(
        'ERR_SITE_OPTION',
        'the flags of a site need an app: vhostd run ./shop --port 8080',
      );
    }
    return config === false ? ['--sites', '[]'] : ['--config', confFile(config)];
  }
  if (isConfFile(app) && args.length === 0 && !hasSiteFlags(options) && config === undefined) {
    return ['--config', confFile(app)];
  }
  if (typeof config === 'string')
    throw new VhostError('ERR_SITE_OPTION', 'give either an app or --config, not both');
  refuseMissing(app);
  return ['--sites', JSON.stringify([{ ...defaults, ...siteOfFlags(app, args, options) }])];
}

function printFailures(failures: readonly LoadFailure[]): void {
  for (const { siteId, error } of failures) {
    process.stderr.write(`vhostd: site ${printable(siteId)}: ${describeError(error)}\n`);
  }
}

const SHOWN_SITES_MAX_COUNT = 10;

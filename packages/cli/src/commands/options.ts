// What the commands share that ask a running daemon: their options, and how they print what came of it.
import { DaemonClient, findRunDir, LOG_LEVELS } from '@vhostd/daemon/client';
import type { DaemonRequest } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { CommonOptions } from '../errors.js';
import { terminalWidth, wrapped } from '../columns.js';
import { printableLine } from '../printable.js';
import { withProgress } from '../progress.js';
import type { Told } from '../progress.js';

/** Options of every command that asks a daemon. */
export interface ClientOptions extends CommonOptions {
  json?: true;
  runDir?: string;
}

/** Adds `--json`, `--run-dir` and `--log-level`. */
export function addClientOptions(command: Command): Command {
  return command
    .option('--json', 'print the outcome as JSON, for programs')
    .addOption(runDirOption('default: that of the only daemon of this user'))
    .addOption(logLevelOption('debug shows the stack of an error'));
}

/** Adds the argument that names a site, and {@link addClientOptions}. */
export function addSiteOptions(command: Command): Command {
  return addClientOptions(command.argument('<site>', 'its siteId'));
}

/** `--run-dir`: which daemon is meant. */
export function runDirOption(byDefault: string): Option {
  return new Option(
    '--run-dir <dir>',
    `directory of the PID file and the control socket (${byDefault})`,
  ).argParser(notEmpty);
}

/** Where a daemon runs that nobody has told where. */
export const RUN_DIR_DEFAULT = 'default: $XDG_RUNTIME_DIR/vhostd, or /run/vhostd for root, or ~/.vhostd/run';

/** That of `vhostd dev`, so that it is nobody else's. */
export const RUN_DIR_DEFAULT_DEV = 'default: a temporary one';

/** `--state-dir`: where the default logs are. */
export function stateDirOption(): Option {
  return new Option(
    '--state-dir <dir>',
    'directory whose log/ has what sites print (default: $STATE_DIRECTORY, or $XDG_STATE_HOME/vhostd, or /var/lib/vhostd for root, or ~/.local/state/vhostd; with --run-dir one in it)',
  ).argParser(notEmpty);
}

function notEmpty(directory: string): string {
  if (directory === '') throw new InvalidArgumentError('It is empty.');
  return directory;
}

/** `--log-level`. */
export function logLevelOption(description: string): Option {
  return new Option('--log-level <level>', description).choices(LOG_LEVELS);
}

/** The daemon that is meant. @throws {VhostError} ERR_DAEMON_SEVERAL. */
export function clientOf({ runDir }: ClientOptions): DaemonClient {
  return new DaemonClient(runDir ?? findRunDir());
}

/** Asks for something to be done to a site, and gives what the daemon answered. What fails names the site in its `info`. */
export async function orderSite(
  options: ClientOptions,
  site: string,
  verb: string,
  request: { method?: 'POST' | 'DELETE'; body?: object } = {},
): Promise<unknown> {
  const { method = 'POST', body } = request;
  const path = `/sites/${encodeURIComponent(site)}/${verb}`;
  try {
    return await orderDaemon(options, { method, path, ...(body === undefined ? {} : { body }) }, site);
  } catch (error) {
    if (error instanceof VhostError) error.info['siteId'] ??= site;
    throw error;
  }
}

/** Asks for something to be done, shows how far it is, of one site or of all, and gives what the daemon answered. */
export function orderDaemon(options: ClientOptions, request: DaemonRequest, site?: string): Promise<unknown> {
  return whileShown(options, (client, onProgress) => client.request({ ...request, onProgress }), site);
}

/** Has a daemon do something, and shows how far it is: one site, or all. */
export function whileShown<T>(
  { json, ...options }: ClientOptions,
  order: (client: DaemonClient, told: Told) => Promise<T>,
  site?: string,
): Promise<T> {
  const client = clientOf(options);
  return withProgress({ json, client, site }, (told) => order(client, told));
}

/** Prints an outcome as JSON, or in words. */
export function printOutcome({ json }: ClientOptions, outcome: object, words: () => string[]): void {
  const lines = json === true ? [JSON.stringify(outcome, null, 2)] : words().map(printableLine);
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Sentences for a person, broken between words at the width of the terminal. */
export function sentences(lines: readonly string[]): string[] {
  return lines.flatMap((line) => wrapped(printableLine(line), terminalWidth()));
}

/** What is to be said of an order that the next master does not know of. */
export function untilWhen({ lasts }: { lasts: boolean }): string {
  return lasts
    ? ''
    : ', until vhostd ends: there is no state directory to keep it in, or it could not be written';
}

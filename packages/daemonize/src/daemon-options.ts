// The options of a Daemon: their meaning, and their check before anything is started.
import type { StdioOptions } from 'node:child_process';
import { homedir } from 'node:os';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';

/** Options of a Daemon. */
export interface DaemonOptions {
  /**
   * The process runs in the background, in a session of its own: it outlives this program, which need not wait for
   * it. Default false: it belongs to this program's terminal, and this program stays while it runs.
   */
  detached?: boolean | undefined;
  /**
   * Its standard streams, as child_process.spawn takes them. Default: with `logs` and not detached `'pipe'`, whose
   * lines go to the response's log; with `logs` and detached two log files; without `logs` `'ignore'`. What is given
   * here takes the place of the log files.
   */
  stdio?: StdioOptions | undefined;
  /** All its environment variables; those that are undefined or null are left out. Default: those of this program. */
  env?: Readonly<Record<string, string | number | boolean | null | undefined>> | undefined;
  /** The program that runs the script: a path, or a name in PATH. Default: this Node, process.execPath. */
  bin?: string | undefined;
  /** What follows the script on the command line. Default none. */
  argv?: readonly string[] | undefined;
  /**
   * The port of Node's debugger on 127.0.0.1, when the environment variable VHOSTD_DEBUG (or XCRAFT_DEBUG) of this
   * program is 1: 1024 to 65535, or 0 for any free one. Default 9229. A `bin` that is not named `node…` gets
   * `--inspect` only where this is given.
   */
  inspectPort?: number | undefined;
  /**
   * How long the process must live until it counts as started, in ms, 0 to 2147483647. One that ends earlier makes
   * `start()` fail. Default 1000.
   */
  minUptimeMs?: number | undefined;
  /** How long it may take to end after SIGTERM until it gets SIGKILL, in ms, 0 to 2147483647. Default 10000. */
  stopTimeoutMs?: number | undefined;
  /**
   * Directory of the PID file, made with mode 0700; one that exists must be this user's, and not writable by others.
   * It must be on a disk of this machine. Default: the variable VHOSTD_DAEMONS_DIR, else `/run/vhostd-daemons` for
   * root, `~/.vhostd/daemons` for others.
   */
  runDir?: string | undefined;
  /**
   * Directory of the log files, with the same demands. Default: `/var/log/vhostd-daemons` where `runDir` is
   * `/run/vhostd-daemons`, else the run directory.
   */
  logDir?: string | undefined;
}

/** The options with their defaults; the directories are absolute. */
export interface ResolvedOptions {
  detached: boolean;
  stdio: StdioOptions | undefined;
  env: DaemonOptions['env'];
  bin: string;
  argv: readonly string[];
  inspectPort: number | undefined;
  minUptimeMs: number;
  stopTimeoutMs: number;
  runDir: string;
  logDir: string;
}

/** What the defaults depend on. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  uid: number | undefined;
  home: string;
}

/** Fills in the defaults. Throws `ERR_DAEMONIZE_OPTION` on an option or a value that there is not. */
export function resolveOptions(
  given: DaemonOptions,
  surroundings: Surroundings = thisProcess(),
): ResolvedOptions {
  checkOptionNames(given);
  const inspectPort = given.inspectPort ?? undefined;
  if (inspectPort !== undefined && inspectPort !== 0)
    checkNumber('inspectPort', inspectPort, { min: 1024, max: 65_535, or: '0 or ' });
  const runDir = checkText('runDir', given.runDir) ?? defaultRunDir(surroundings);
  const logDir = checkText('logDir', given.logDir) ?? (runDir === ROOT_RUN_DIR ? ROOT_LOG_DIR : runDir);
  const detached: unknown = given.detached ?? false;
  if (typeof detached !== 'boolean') throw wrong('detached', detached, 'true or false');
  const env: unknown = given.env ?? undefined;
  if (env !== undefined && typeof env !== 'object') throw wrong('env', env, 'an object of variables');
  return {
    detached,
    stdio: given.stdio ?? undefined,
    env: given.env ?? undefined,
    bin: checkText('bin', given.bin) ?? process.execPath,
    argv: checkList(given.argv ?? []),
    inspectPort,
    minUptimeMs: checkMs('minUptimeMs', given.minUptimeMs ?? 1_000),
    stopTimeoutMs: checkMs('stopTimeoutMs', given.stopTimeoutMs ?? 10_000),
    runDir: path.resolve(runDir),
    logDir: path.resolve(logDir),
  };
}

/**
 * Not $XDG_RUNTIME_DIR, although it is made for this: it goes with the user's last session, which a daemon outlives,
 * and a cron job has none, so that it would not find what was started from a terminal.
 */
function defaultRunDir({ env, uid, home }: Surroundings): string {
  const named = env['VHOSTD_DAEMONS_DIR'];
  if (named !== undefined && named !== '') return named;
  return uid === 0 ? ROOT_RUN_DIR : path.join(home, '.vhostd', 'daemons');
}

function thisProcess(): Surroundings {
  return { env: process.env, uid: process.geteuid?.(), home: homedir() };
}

/** Throws `ERR_DAEMONIZE_OPTION`. A word that is misspelt would start a process that is not detached, or has no logs, and say nothing. */
export function checkOptionNames(given: unknown): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw refused(`the options are ${shownOf(given)}; they must be an object`, 'options', given);
  for (const [name, value] of Object.entries(given))
    if (!OPTIONS.has(name))
      throw refused(`there is no option ${name}; there are ${[...OPTIONS].join(', ')}`, name, value);
}

function checkText(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw wrong(name, value, 'a text that is not empty');
}

function checkList(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((entry: unknown) => typeof entry === 'string')) return [...value];
  throw wrong('argv', value, 'a list of texts');
}

function checkMs(name: string, value: unknown): number {
  return checkNumber(name, value, { min: 0, max: MAX_TIMER_MS });
}

function checkNumber(
  name: string,
  value: unknown,
  { min, max, or = '' }: { min: number; max: number; or?: string },
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw wrong(name, value, `${or}a whole number from ${min} to ${max}`);
}

function wrong(name: string, value: unknown, right: string): VhostError {
  return refused(`the option ${name} is ${shownOf(value)}; it must be ${right}`, name, value);
}

function refused(message: string, name: string, value: unknown): VhostError {
  return new VhostError('ERR_DAEMONIZE_OPTION', message, { info: { name, value: shownOf(value) } });
}

function shownOf(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

const OPTIONS: ReadonlySet<string> = new Set<keyof DaemonOptions>([
  'detached',
  'stdio',
  'env',
  'bin',
  'argv',
  'inspectPort',
  'minUptimeMs',
  'stopTimeoutMs',
  'runDir',
  'logDir',
]);
const ROOT_RUN_DIR = '/run/vhostd-daemons';
const ROOT_LOG_DIR = '/var/log/vhostd-daemons';
/** The longest delay of a Node timer; a longer one would fire after 1 ms (Node doc, `setTimeout`). */
const MAX_TIMER_MS = 2_147_483_647;

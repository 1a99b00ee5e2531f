// How a command fails: one line for people on stderr, an exit code for scripts.
import { exitCodeOf, livingRunDirs } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import { wrapped } from './columns.js';
import { printable } from './printable.js';
import { typedCommand } from './typed-command.js';
import { shown } from './usage-error.js';

/** Options that every command has. */
export interface CommonOptions {
  logLevel?: string;
}

/** The error as it is shown: `MESSAGE (CODE)`, with the code where it has one. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return printable(`${error.message}${code}`);
}

/** Writes `vhostd: MESSAGE (CODE)` to stderr, and below it the stack when the log level is debug or trace. */
export function printError(error: unknown, { logLevel }: CommonOptions): void {
  process.stderr.write(`${shown(`vhostd: ${describeError(error)}`)}\n`);
  printNextStep(error);
  if (!(error instanceof Error) || (logLevel !== 'debug' && logLevel !== 'trace')) return;
  process.stderr.write(`${printable(error.stack ?? '')}\n`);
  if (error.cause !== undefined) process.stderr.write(`caused by ${describeError(error.cause)}\n`);
}

/** What to type next, where there is something. */
export function printNextStep(error: unknown): void {
  const next = nextStepOf(error);
  if (next !== undefined) {
    const width = process.stderr.columns ?? Infinity;
    process.stderr.write(`${adviceLines(next, width).join('\n')}\n`);
  }
}

/** Advice for a person, indented. Lines behind the first one are what is to be typed: they are not broken, but copied. */
export function adviceLines(text: string, width: number): string[] {
  return text
    .split('\n')
    .flatMap((line, index) => (index > 0 ? [line] : wrapped(line, width - 2)))
    .map((line) => `  ${line}`);
}

/** Runs the work of a command; what it throws is printed and becomes the exit code. */
export async function attempt(options: CommonOptions, work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    printError(error, options);
    process.exitCode = exitCodeOf(error);
  }
}

/** What to type next: what `info.next` says, else what goes with the code, with the name of the site that it is about. */
export function nextStepOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const { siteId, next } = error instanceof VhostError ? error.info : {};
  if (typeof next === 'string') return printable(next);
  const others = code === 'ERR_DAEMON_NOT_RUNNING' || code === 'ERR_DAEMON_SEVERAL' ? otherDaemons() : [];
  if (others.length > 0) return printable(`of those that run, one is meant:\n${others.join('\n')}`);
  return nextStepFor(code, typeof siteId === 'string' ? siteId : undefined);
}

/** What was typed, for each daemon of this user that runs. */
function otherDaemons(): string[] {
  return livingRunDirs()
    .slice(0, SHOWN_DAEMON_COUNT)
    .map(({ path }) => typedCommand({ '--run-dir': [path] }));
}

const SHOWN_DAEMON_COUNT = 5;

/** {@link nextStepOf} for a code. */
export function nextStepFor(code: string, siteId?: string): string | undefined {
  const step = NEXT_STEPS[code];
  return siteId === undefined ? step : step?.replaceAll(/\bSITE\b/gu, () => siteId);
}

const NEXT_STEPS: Readonly<Record<string, string>> = {
  ERR_DAEMON_NOT_RUNNING:
    'vhostd run or vhostd start APP starts one, with the sites that were added, and then this works; --run-dir DIR names that of another run directory',
  ERR_DAEMON_RUNNING: 'vhostd status shows it, vhostd stop ends it; --run-dir DIR for a second one',
  ERR_DAEMON_SEVERAL: '--run-dir DIR names the one that is meant',
  ERR_DAEMON_LOST: 'vhostd status shows whether another one follows',
  ERR_CONTROL_LOST: 'vhostd status shows whether it goes on',
  ERR_MESSAGE_INVALID:
    'the daemon may be of another version: leave it running, and ask with its own command; vhostd doctor compares the two',
  ERR_CONTROL_ROUTE: 'vhostd upgrade replaces a daemon that is older than this command',
  ERR_RUN_DIR_UNSAFE: '--run-dir DIR names another one; it is made where there is none',
  ERR_STATE_DIR_UNSAFE: '--state-dir DIR names another one; it is made where there is none',
  ERR_SITE_EXISTS: '--name SITEID gives it another name; vhostd remove SITE removes one that was added',
  ERR_SITE_UNKNOWN: 'vhostd status lists the sites',
  ERR_SITE_FILE: 'name a file or a directory that is there: vhostd run ./server.js',
  ERR_SITE_IN_CONF: 'vhostd stop SITE stops it; take it out of the conf and vhostd reload to remove it',
  ERR_CONF_DUPLICATE_HOST:
    'give one of them another host or port: --host NAME, --port N, or listen in the conf',
  ERR_CONF_NOT_FOUND:
    'vhostd init writes one for the app of this directory; vhostd run APP runs an app without one',
  ERR_CONF_PM2: 'vhostd import FILE --output vhostd.config.json makes a conf of it',
  ERR_CONF_FORMAT: 'vhostd import FILE makes a conf of what PM2 or nginx have',
  ERR_INIT_NO_APP: 'vhostd init DIR looks in another directory; vhostd run FILE runs a file without a conf',
  ERR_CONF_EXISTS: 'vhostd check looks at it, vhostd run runs it',
  ERR_CONF_INVALID: 'correct it; vhostd check looks at it anew',
  ERR_LOG_NOT_FOUND: 'vhostd status lists the sites; --state-dir DIR names where logs are',
  ERR_IMPORT_UNREADABLE: 'vhostd import FILE takes ecosystem.config.js, ~/.pm2/dump.pm2 and confs of nginx',
  ERR_IMPORT_OUTPUT: '-o FILE names another file; without it the conf is printed',
  ERR_WATCH_PROGRAM:
    'vhostd watch FILE runs a file that is there; vhostd watch -x PROGRAM FILE by another program',
  ERR_CERT_UNKNOWN: 'vhostd cert lists those that are served',
  ERR_FLEET_NONE: 'vhostd status shows this machine',
  ERR_FLEET_CONF: 'docs/fleet.md has each field of it',
  ERR_SYSTEMD_NOT_RUNNING: 'vhostd systemd print shows the units; vhostd start runs without systemd',
  ERR_SITE_STOPPED: 'vhostd start SITE starts it',
  ERR_WORKER_EXITED: 'vhostd logs SITE --err shows all that it printed',
  ERR_LISTEN_ADDRESS_IN_USE:
    'ss -ltnp names who has it, and so does vhostd check for a conf; SITE gets it within seconds once it is free',
  ERR_UPGRADE_FAILED: 'vhostd status shows which daemon is in charge; vhostd upgrade tries it anew',
  ERR_UPGRADE_RUNNING: 'vhostd status shows which daemon is in charge',
};

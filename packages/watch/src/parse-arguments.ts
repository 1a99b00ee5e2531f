// Reads the arguments of `vhostd watch`: supervisor's options, long and short, and a few more.
import { constants } from 'node:os';
import { VhostError } from '@vhostd/protocol';
import ms from 'ms';
import type { NoRestartOn, WatchOptions } from './watch-options.js';

/**
 * The options that `args` hold; `help` if they ask for it.
 *
 * Options come before PROGRAM; whatever follows it is the program's own. `--` ends the options. A value may follow
 * its option after `=`. Throws `ERR_WATCH_USAGE`, with what was meant, for what it does not understand.
 */
export function parseArguments(args: readonly string[]): WatchOptions | 'help' {
  const given = new Given();
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--') return given.resolve(rest);
    if (!argument.startsWith('-') || argument === '-') return given.resolve([argument, ...rest]);
    if (HELP_FLAGS.has(argument)) return 'help';
    given.take(argument, rest);
  }
  return given.resolve([]);
}

/** What was given so far. */
class Given {
  readonly #flags = new Set<string>();
  readonly #values = new Map<string, string[]>();
  readonly #nodeFlags: string[] = [];
  readonly #notes: string[] = [];

  /** One option; its value, if it needs one, is taken from `rest`. */
  take(argument: string, rest: string[]): void {
    if (this.#takeNodeFlag(argument)) return;
    const equals = argument.startsWith('--') ? argument.indexOf('=') : -1;
    const name = equals === -1 ? argument : argument.slice(0, equals);
    const long = SHORT[name] ?? name;
    if (FLAGS.has(long)) {
      if (equals !== -1) throw usage(`${name} takes no value`, { option: name });
      this.#flags.add(long);
      return;
    }
    if (!VALUES.has(long)) throw unknownOption(name);
    const value = equals === -1 ? rest.shift() : argument.slice(equals + 1);
    if (value === undefined || value === '') throw usage(`${name} needs a value`, { option: name });
    this.#values.set(long, [...(this.#values.get(long) ?? []), value]);
  }

  resolve(program: readonly string[]): WatchOptions {
    const [file, ...args] = program;
    if (file === undefined || file === '') throw usage('there is no PROGRAM to run', { option: 'PROGRAM' });
    return {
      program: [file, ...args],
      watch: this.#list('--watch') ?? ['.'],
      ignore: this.#list('--ignore') ?? [],
      extensions: this.#list('--extensions')?.map((extension) => extension.replace(/^(?:\*?\.)(?=.)/u, '')),
      gitignore: this.#flags.has('--gitignore'),
      ignoreSymlinks: this.#flags.has('--ignore-symlinks'),
      pollIntervalMs: this.#pollIntervalMs(),
      delayMs: this.#duration('--delay', 200, 10),
      executable: this.#one('--exec'),
      nodeFlags: this.#nodeFlags,
      notes: this.#notes,
      noRestartOn: this.#noRestartOn(),
      instantKill: this.#flags.has('--instant-kill'),
      signal: this.#signal(),
      killTimeoutMs: this.#duration('--kill-timeout', 5000, 0),
      interactive: !this.#flags.has('--non-interactive'),
      verbosity: this.#verbosity(),
      restartVerbose: this.#flags.has('--restart-verbose'),
      timestamp: this.#flags.has('--timestamp'),
      pidFile: this.#one('--save-pid'),
      json: this.#flags.has('--json'),
    };
  }

  #takeNodeFlag(argument: string): boolean {
    if (argument === '--harmony_default_parameters' || argument === '--harmony_destructuring') {
      this.#notes.push(`${argument} is left out: Node has it without a flag, and refuses the flag`);
      return true;
    }
    const [, name = '', port] = /^(--(?:debug|inspect)(?:-brk)?|--harmony)(?:=(.*))?$/u.exec(argument) ?? [];
    if (name === '' || (name === '--harmony' && port !== undefined)) return false;
    if (port === '') throw usage(`${name}= needs a port`, { option: name });
    const flag = name.replace('debug', 'inspect');
    const whole = port === undefined ? flag : `${flag}=${port}`;
    if (flag !== name) this.#notes.push(`${argument} is ${whole} in today's Node`);
    this.#nodeFlags.push(whole);
    return true;
  }

  #one(option: string): string | undefined {
    return this.#values.get(option)?.at(-1);
  }

  /** A list may be given in parts: nodemon's users write `-w a -w b`. A comma in braces belongs to the glob. */
  #list(option: string): string[] | undefined {
    return this.#values
      .get(option)
      ?.flatMap((value) => value.split(/,(?![^{]*\})/u))
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  #pollIntervalMs(): number | undefined {
    const value = this.#one('--poll-interval');
    if (value === undefined) return undefined;
    const interval = Number(value);
    if (!Number.isInteger(interval) || interval < 10 || interval > MAX_DELAY_MS) {
      throw wrongValue('--poll-interval', value, 'a number of milliseconds, at least 10');
    }
    return this.#flags.has('--force-watch') ? undefined : interval;
  }

  #duration(option: string, defaultMs: number, minMs: number): number {
    const value = this.#one(option);
    if (value === undefined) return defaultMs;
    const expected = `a duration with its unit, such as 200ms or 5s, at least ${minMs}ms`;
    if (!/^\d+(?:\.\d+)?(?:ms|s|m|h)$/u.test(value)) throw wrongValue(option, value, expected);
    // the pattern allows only what `ms` reads
    const durationMs = ms(value as ms.StringValue);
    if (durationMs < minMs || durationMs > MAX_DELAY_MS) throw wrongValue(option, value, expected);
    return durationMs;
  }

  #noRestartOn(): NoRestartOn | undefined {
    const value = this.#one('--no-restart-on');
    if (value === undefined || value === 'error' || value === 'exit' || value === 'success') return value;
    throw wrongValue('--no-restart-on', value, 'error, exit or success');
  }

  #signal(): NodeJS.Signals {
    const value = this.#one('--signal');
    if (value === undefined) return 'SIGTERM';
    const name = value.toUpperCase().replace(/^(?!SIG)/u, 'SIG');
    if (isSignal(name)) return name;
    throw wrongValue('--signal', value, 'the name of a signal, such as SIGINT');
  }

  #verbosity(): WatchOptions['verbosity'] {
    if (this.#flags.has('--quiet')) return 'quiet';
    return this.#flags.has('--verbose') ? 'verbose' : 'normal';
  }
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

function wrongValue(option: string, value: string, expected: string): VhostError {
  return usage(`${option} is '${value}'; it must be ${expected}`, { option, value, expected });
}

function unknownOption(name: string): VhostError {
  const known = [...FLAGS, ...VALUES, ...NODE_FLAGS, ...Object.keys(SHORT)];
  const near = known.find((each) => isNear(name, each));
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  return usage(`unknown option '${name}'${hint}; options of PROGRAM come after it`, { option: name });
}

/** Whether one may be the other with a letter too many, missing or wrong, or two swapped. */
function isNear(one: string, other: string): boolean {
  if (one.length < 5 || Math.abs(one.length - other.length) > 1) return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  let end = 0;
  while (end < Math.min(one.length, other.length) - start && one.at(-1 - end) === other.at(-1 - end))
    end += 1;
  const [left, right] = [one.slice(start, one.length - end), other.slice(start, other.length - end)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}

function usage(message: string, info: Record<string, unknown>): VhostError {
  return new VhostError('ERR_WATCH_USAGE', message, { info });
}

const HELP_FLAGS: ReadonlySet<string> = new Set(['-h', '-?', '--help']);
const NODE_FLAGS = ['--inspect', '--inspect-brk', '--debug', '--debug-brk', '--harmony'];
const FLAGS: ReadonlySet<string> = new Set([
  '--gitignore',
  '--ignore-symlinks',
  '--force-watch',
  '--instant-kill',
  '--non-interactive',
  '--quiet',
  '--verbose',
  '--restart-verbose',
  '--timestamp',
  '--json',
]);
const VALUES: ReadonlySet<string> = new Set([
  '--watch',
  '--ignore',
  '--extensions',
  '--poll-interval',
  '--delay',
  '--exec',
  '--no-restart-on',
  '--signal',
  '--kill-timeout',
  '--save-pid',
]);
const SHORT: Readonly<Record<string, string>> = {
  '-w': '--watch',
  '-i': '--ignore',
  '-p': '--poll-interval',
  '-e': '--extensions',
  '-x': '--exec',
  '-n': '--no-restart-on',
  '-k': '--instant-kill',
  '-t': '--non-interactive',
  '-q': '--quiet',
  '-V': '--verbose',
  '-RV': '--restart-verbose',
  '-s': '--timestamp',
  '-pid': '--save-pid',
};
/** The longest delay of a Node timer. */
const MAX_DELAY_MS = 2_147_483_647;

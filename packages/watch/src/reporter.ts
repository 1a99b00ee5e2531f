// What the user of `vhostd watch` is told, a line each on standard error.
import path from 'node:path';
import { styleText } from 'node:util';
import type { ChildReason } from '@vhostd/supervisor';
import type { RestartCause } from './watched-program.js';
import type { NoRestartOn, WatchOptions } from './watch-options.js';

/** Where lines go to. */
export interface ReporterOptions extends Pick<
  WatchOptions,
  'verbosity' | 'restartVerbose' | 'timestamp' | 'noRestartOn' | 'json'
> {
  cwd: string;
  write: (text: string) => void;
  colors: boolean;
}

/** Writes lines that begin with `watch:`. Names that come from outside cannot steer the terminal. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #noRestartOn: NoRestartOn | undefined;
  #hintedAtExit = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#noRestartOn = options.noRestartOn;
  }

  /** What happens; not with --quiet. */
  say(text: string): void {
    if (this.#options.verbosity !== 'quiet') this.#line(text, 'cyan');
  }

  /** With --verbose only. */
  detail(text: string): void {
    if (this.#options.verbosity === 'verbose') this.#line(text, 'gray');
  }

  /** What is wrong, also with --quiet. */
  problem({ message, code }: { message: string; code: string }): void {
    this.#line(`${message} (${code})`, 'red', { code });
  }

  /** Text of the user's as it is shown. */
  text(text: string): string {
    return printable(text);
  }

  /** A path as it is shown: from here, if it is not longer so. */
  name(file: string): string {
    const relative = path.relative(this.#options.cwd, file);
    return printable(relative === '' ? '.' : relative.startsWith('../../') ? file : relative);
  }

  restarting(cause: RestartCause): void {
    if (cause === 'asked') {
      this.say('restart was asked for');
      return;
    }
    this.say(`${this.names(cause.paths)} changed`);
  }

  started(pid: number, sinceMs: number | undefined): void {
    const what = sinceMs === undefined ? 'started' : `restarted in ${spanOf(sinceMs)}`;
    this.say(`${what}, process ${pid}`);
  }

  ended(reason: ChildReason, nextInMs: number | undefined): void {
    this.timestamp();
    const isSpawnFailure = reason.what === 'spawn-failed';
    const what = isSpawnFailure ? printable(reason.message) : reason.message;
    if (nextInMs === undefined) {
      this.say(`${what}; waits for a change (-n ${this.#noRestartOn})`);
      return;
    }
    this.say(`${what}; starts again in ${spanOf(nextInMs)}, or when a file changes`);
    if (this.#hintedAtExit) return;
    this.#hintedAtExit = true;
    this.say(`  (with -n ${reason.code === 0 ? 'exit' : 'error'} it would wait for a change instead)`);
  }

  stopped(reason: ChildReason): void {
    this.timestamp();
    this.detail(reason.message);
  }

  leftBehind(count: number): void {
    const processes = count === 1 ? '1 process' : `${count} processes`;
    this.say(`${processes} that it had started ${count === 1 ? 'is' : 'are'} being ended`);
  }

  changesItself(paths: readonly string[], delayMs: number): void {
    this.say(`${this.names(paths)} changes whenever it starts; waits ${spanOf(delayMs)}`);
    this.say('  (if the program writes that itself, leave it out: -i)');
  }

  stuck(pid: number | undefined): void {
    this.#line(`process ${pid ?? ''} is still there after SIGKILL; waits for the kernel`, 'red');
  }

  leaving(pid: number): void {
    this.say(`waits for process ${pid} to end; Ctrl-C again kills it`);
  }

  /** Also with --quiet: that is what it is asked for. */
  timestamp(): void {
    if (this.#options.timestamp) this.#line(String(new Date()), 'gray');
  }

  /** The first few, or with --restart-verbose all. */
  names(files: readonly string[]): string {
    const all = this.#options.restartVerbose || this.#options.verbosity === 'verbose';
    const shown = all ? files : files.slice(0, MAX_NAMES);
    const more = files.length - shown.length;
    return `${shown.map((file) => this.name(file)).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }

  #line(text: string, color: keyof typeof LEVELS, fields: object = {}): void {
    if (this.#options.json) {
      const told = { time: new Date().toISOString(), level: LEVELS[color], message: text.trim(), ...fields };
      this.#options.write(`${JSON.stringify(told)}\n`);
      return;
    }
    const prefix = this.#options.colors ? styleText(color, 'watch:') : 'watch:';
    this.#options.write(`${prefix} ${text}\n`);
  }
}

/** For people: `154 ms`, `2.5 s`, `40 s`. */
export function spanOf(spanMs: number): string {
  if (spanMs < 1000) return `${Math.round(spanMs)} ms`;
  return `${Math.round(spanMs / 100) / 10} s`;
}

/** Control and formatting characters written out: the name of a file may hold an escape sequence. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

const MAX_NAMES = 3;

/** Of a line in a colour. */
const LEVELS = { cyan: 'info', gray: 'debug', red: 'error' } as const;

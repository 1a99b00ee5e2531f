// `vhostd watch` as a whole: options, files, program, terminal and signals, put together.
import { VhostError } from '@vhostd/protocol';
import { FileWatcher } from './files/file-watcher.js';
import { HELP } from './help.js';
import { parseArguments } from './parse-arguments.js';
import { removePidFile, writePidFile } from './pid-file.js';
import { OrphanGuard } from './program/orphan-guard.js';
import { findCommand, watchedExtensions } from './program/program-command.js';
import type { ProgramCommand } from './program/program-command.js';
import { spawnProgram } from './program/program-process.js';
import { Reporter, spanOf } from './reporter.js';
import { isInBackground, TerminalInput } from './terminal-input.js';
import { TerminalMode } from './terminal-mode.js';
import { WatchedProgram } from './watched-program.js';
import type { WatchOptions } from './watch-options.js';

/**
 * Does what `vhostd watch` with these arguments does, in this process: its standard input, output and signals. Resolves
 * with the exit code when it was told to end by a signal: that of the program, or 128 and the signal's number.
 *
 * Rejects, before anything runs, with `ERR_WATCH_USAGE`, `ERR_WATCH_EXECUTABLE` or `ERR_WATCH_PROGRAM`.
 */
export async function run(args: readonly string[]): Promise<number> {
  const options = parseArguments(args);
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const cwd = process.cwd();
  const command = findCommand(options, { cwd, searchPath: process.env['PATH'] ?? '' });
  return await new Session(options, command, cwd).run();
}

/** One run of the command. */
class Session {
  readonly #options: WatchOptions;
  readonly #command: ProgramCommand;
  readonly #cwd: string;
  readonly #reporter: Reporter;
  readonly #files: FileWatcher;
  readonly #program: WatchedProgram;
  readonly #guard: OrphanGuard;
  /** Undefined with --non-interactive: standard input is not even looked at, it is the program's. */
  readonly #input: TerminalInput | undefined;
  readonly #mode: TerminalMode | undefined;
  readonly #listeners: [NodeJS.Signals, () => void][] = [];
  #inputTimer: NodeJS.Timeout | undefined;
  #hasPidFile = false;

  constructor(options: WatchOptions, command: ProgramCommand, cwd: string) {
    this.#options = options;
    this.#command = command;
    this.#cwd = cwd;
    this.#reporter = new Reporter({
      ...options,
      cwd,
      write: (text) => process.stderr.write(text),
      colors: process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
    });
    this.#files = new FileWatcher({
      cwd,
      watch: options.watch,
      ignore: options.ignore,
      extensions: watchedExtensions(options),
      gitignore: options.gitignore,
      followSymlinks: !options.ignoreSymlinks,
      pollIntervalMs: options.pollIntervalMs,
      delayMs: options.delayMs,
    });
    this.#program = new WatchedProgram({
      files: this.#files,
      spawn: () => this.#spawn(),
      noRestartOn: options.noRestartOn,
      instantKill: options.instantKill,
      killTimeoutMs: options.killTimeoutMs,
    });
    this.#guard = new OrphanGuard(options.killTimeoutMs);
    this.#input = options.interactive
      ? new TerminalInput({ input: process.stdin, onRestart: () => this.#program.restart() })
      : undefined;
    this.#mode = options.interactive ? undefined : new TerminalMode();
  }

  async run(): Promise<number> {
    process.stderr.on('error', ignore);
    this.#introduce();
    this.#savePid();
    this.#report();
    this.#heedSignals();
    this.#openInput();
    const sinceMs = Date.now();
    this.#program.start();
    await Promise.race([this.#files.open(sinceMs).then(() => this.#opened()), this.#program.over]);
    const { code } = await this.#program.over;
    this.#close();
    return code;
  }

  #spawn(): ReturnType<typeof spawnProgram> {
    const started = spawnProgram(this.#command, {
      cwd: this.#cwd,
      env: process.env,
      stdin: this.#input === undefined ? 'inherit' : 'pipe',
      signal: this.#options.signal,
    });
    this.#input?.give(started.stdin);
    this.#guard.watch(started.pid);
    return started;
  }

  #introduce(): void {
    const { interactive, program, notes } = this.#options;
    const how = interactive ? '; rs and Enter restart it, Ctrl-C ends it' : '; Ctrl-C ends it';
    this.#reporter.say(`runs ${program.map((part) => this.#reporter.text(part)).join(' ')}${how}`);
    for (const note of notes) this.#reporter.say(note);
    this.#reporter.detail(`command: ${[this.#command.executable, ...this.#command.args].join(' ')}`);
  }

  #opened(): void {
    const { files, missing } = this.#files;
    const { gitignore, pollIntervalMs } = this.#options;
    const places = this.#options.watch.map((item) => this.#reporter.text(item)).join(', ');
    const kinds = watchedExtensions(this.#options).map((extension) => `.${this.#reporter.text(extension)}`);
    const without = ['node_modules', '.folders', ...(gitignore ? ['what git ignores'] : [])].join(', ');
    const count = files.length === 1 ? '1 file' : `${files.length} files`;
    this.#reporter.say(`watches ${count} in ${places} (${kinds.join(' ')}; without ${without})`);
    if (pollIntervalMs !== undefined) this.#reporter.say(`looks at them every ${spanOf(pollIntervalMs)}`);
    for (const root of missing) this.#reporter.say(`${this.#reporter.name(root)} is not there yet`);
    for (const file of files) this.#reporter.detail(`watches ${this.#reporter.name(file)}`);
  }

  #report(): void {
    const reporter = this.#reporter;
    this.#files.on('problem', (error) => reporter.problem(error));
    this.#files.on('touched', (file) => reporter.detail(`${reporter.name(file)} was touched`));
    this.#program.on('restarting', (cause) => reporter.restarting(cause));
    this.#program.on('started', (pid, sinceMs) => reporter.started(pid, sinceMs));
    this.#program.on('ended', (reason, nextInMs) => reporter.ended(reason, nextInMs));
    this.#program.on('stopped', (reason) => reporter.stopped(reason));
    this.#program.on('left-behind', (count) => reporter.leftBehind(count));
    this.#program.on('changes-itself', (paths, delayMs) => reporter.changesItself(paths, delayMs));
    this.#program.on('stuck', (pid) => reporter.stuck(pid));
    this.#program.on('gone', () => {
      this.#guard.watch(undefined);
      this.#mode?.restore();
    });
    this.#program.on('leaving', (pid) => reporter.leaving(pid));
    this.#program.on('state', ({ from, event, to }) => {
      if (from !== to) reporter.detail(`${from}, ${event}: ${to}`);
    });
  }

  #savePid(): void {
    const { pidFile } = this.#options;
    if (pidFile === undefined) return;
    try {
      writePidFile(pidFile);
      this.#hasPidFile = true;
    } catch (error) {
      if (!(error instanceof VhostError)) throw error;
      this.#reporter.problem(error);
    }
  }

  #heedSignals(): void {
    for (const signal of PASSED_SIGNALS) this.#on(signal, () => this.#program.quit(signal));
    // the program is in a session of its own, where the terminal does not tell it
    this.#on('SIGWINCH', () => this.#program.pass('SIGWINCH'));
    this.#on('SIGTSTP', () => {
      this.#program.pass('SIGSTOP');
      process.kill(process.pid, 'SIGSTOP');
    });
    this.#on('SIGCONT', () => {
      this.#program.pass('SIGCONT');
      this.#openInput();
    });
  }

  /** In the background it is looked each second whether that is over: a shell's `fg` need not tell. */
  #openInput(): void {
    if (this.#input === undefined) return;
    clearTimeout(this.#inputTimer);
    if (isInBackground()) this.#inputTimer = setTimeout(() => this.#openInput(), 1000).unref();
    else this.#input.open();
  }

  #on(signal: NodeJS.Signals, listener: () => void): void {
    process.on(signal, listener);
    this.#listeners.push([signal, listener]);
  }

  #close(): void {
    this.#files.close();
    clearTimeout(this.#inputTimer);
    this.#input?.close();
    this.#guard.close();
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
    if (this.#hasPidFile && this.#options.pidFile !== undefined) removePidFile(this.#options.pidFile);
    process.stderr.off('error', ignore);
  }
}

function ignore(): void {
  // nobody reads what is told
}

const PASSED_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

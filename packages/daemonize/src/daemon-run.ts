// One process of a daemon, from its spawn to its end.
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { lastLinesOf, openLogFile } from './log-file.js';
import type { LogFile } from './log-file.js';
import type { Launch } from './launch.js';
import { LastLines, readLines } from './output-lines.js';
import type { DaemonEnd } from './results.js';

/** How to spawn a process, and where its output goes. */
export interface DaemonRunOptions {
  launch: Launch;
  detached: boolean;
  /** Undefined: by `detached` and `logs`. */
  stdio: StdioOptions | undefined;
  logs: boolean;
  stdoutLog: string;
  stderrLog: string;
  /** Called with each line that the process writes to a pipe, if `logs` is on. */
  onLine: (stream: 'stdout' | 'stderr', line: string) => void;
}

/** How a run ended: the process did, or could not be spawned. */
export type RunEnd = { spawned: true; end: DaemonEnd; uptimeMs: number } | { spawned: false; error: Error };

export class DaemonRun {
  readonly child: ChildProcess;
  /** Undefined if the process could not be spawned, or has ended already. */
  readonly identity: ProcessIdentity | undefined;
  /** Never rejects. Does not keep this program alive for a detached process, see {@link untilEnded}. */
  readonly ended: Promise<RunEnd>;
  readonly #stderrLog: LogFile | undefined;
  readonly #lastLines: LastLines | undefined;

  /** Spawns the process. Throws what spawn throws, and `ERR_DAEMONIZE_LOG`. */
  constructor(options: DaemonRunOptions) {
    const { launch, detached, logs, onLine } = options;
    const startedMs = performance.now();
    const files: LogFile[] = [];
    try {
      if (options.stdio === undefined && detached && logs)
        for (const file of [options.stdoutLog, options.stderrLog]) files.push(openLogFile(file));
      this.child = spawn(launch.bin, launch.args, {
        detached,
        env: launch.env,
        stdio: options.stdio ?? defaultStdio(files, logs),
      });
    } finally {
      for (const { descriptor } of files) closeSync(descriptor);
    }
    this.#stderrLog = files[1];
    const { child } = this;
    const pipes = logs && (child.stdout !== null || child.stderr !== null);
    if (pipes) {
      const kept = new LastLines();
      this.#lastLines = kept;
      if (child.stdout !== null) readLines(child.stdout, (line) => onLine('stdout', line));
      if (child.stderr !== null)
        readLines(child.stderr, (line) => {
          kept.add(line);
          onLine('stderr', line);
        });
    }
    // Unheard, a broken pipe to a process that has ended would throw.
    child.stdin?.on('error', () => {});
    this.ended = watch(child, startedMs, pipes);
    this.identity = identify(child);
    if (detached) child.unref();
  }

  get isAlive(): boolean {
    const { pid, exitCode, signalCode } = this.child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }

  /** Waits for {@link ended}, and keeps this program alive meanwhile. */
  untilEnded(): Promise<RunEnd> {
    this.child.ref();
    return this.ended;
  }

  /** The last lines of its standard error; undefined where they are not kept. */
  lastErrorLines(): string[] | undefined {
    if (this.#stderrLog !== undefined) return lastLinesOf(this.#stderrLog);
    return this.#lastLines?.get();
  }
}

/** A process that cannot be told from another must not live on: nobody could stop it. */
function identify(child: ChildProcess): ProcessIdentity | undefined {
  try {
    return child.pid === undefined ? undefined : readIdentity(child.pid);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

function defaultStdio([stdout, stderr]: LogFile[], logs: boolean): StdioOptions {
  if (stdout !== undefined && stderr !== undefined) return ['ignore', stdout.descriptor, stderr.descriptor];
  return logs ? 'pipe' : 'ignore';
}

function watch(child: ChildProcess, startedMs: number, pipes: boolean): Promise<RunEnd> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      // Later errors are of signals and messages that could not be sent, which their senders hear of.
      if (child.pid === undefined) resolve({ spawned: false, error });
    });
    child.once('exit', (code, signal) => {
      const end = { pid: child.pid ?? 0, code, signal };
      const ended: RunEnd = { spawned: true, end, uptimeMs: Math.round(performance.now() - startedMs) };
      if (!pipes) resolve(ended);
      else void Promise.race([closed(child), delay(OUTPUT_LIMIT_MS)]).then(() => resolve(ended));
    });
  });
}

/** Resolves when all output was read, too. */
function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('close', () => resolve()));
}

/** How long the rest of the output is waited for; a child of the process may hold its pipes for ever. */
const OUTPUT_LIMIT_MS = 1_000;

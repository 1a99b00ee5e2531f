// A named background process: started once, found again by its PID file, stopped as itself and nobody else.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import { isAlive, makePrivateDirectory } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { EventEmitter } from 'eventemitter3';
import { filesOf } from './daemon-files.js';
import type { DaemonFiles } from './daemon-files.js';
import { checkOptionNames, resolveOptions } from './daemon-options.js';
import type { DaemonOptions, ResolvedOptions } from './daemon-options.js';
import { DaemonRecord } from './daemon-record.js';
import { DaemonRun } from './daemon-run.js';
import type { RunEnd } from './daemon-run.js';
import { endProcess } from './end-process.js';
import { launchOf } from './launch.js';
import { Operation } from './operation.js';
import { describeStop, endedError, spawnError } from './outcome.js';
import { Response } from './response.js';
import type { DaemonResponse } from './response.js';
import { START_VARIABLE } from './start-note.js';
import type { DaemonEnd, StartResult, StopResult } from './results.js';

/** The events of a {@link Daemon}. The response's `events.send` gets the same. */
export interface DaemonEvents {
  /** `start` or `restart` started a process, which has lived for `minUptimeMs`. */
  started: [{ pid: number }];
  /** `start` found the process running. */
  running: [{ pid: number }];
  /** A `stop` is over; also the first half of a `restart`. */
  stopped: [StopResult];
  /** The process that this object started has ended, asked for or not. */
  exit: [DaemonEnd];
  /** A line that the process wrote, with `logs` and where it is not detached. */
  stdout: [string];
  stderr: [string];
  /** A start, stop or restart failed; its promise rejects with the same error. */
  failed: [Error];
}

/**
 * One named process. Whoever makes a Daemon of the same name and run directory, in this program or another one, at
 * any later time, means the same process.
 *
 * `start()`, `stop()` and `restart()` act before they return where nothing is in the way, and return a promise of what
 * became of it. The promise need not be awaited: a rejection that nobody handles is logged, and does not end the
 * program. Calls are carried out one after another; two alike at the same time are one.
 */
export class Daemon extends EventEmitter<DaemonEvents> {
  /** As it was given. */
  readonly name: string;
  /** As it was given; a URL as its path. */
  readonly script: string;
  readonly #logs: boolean;
  readonly #response: Response;
  #given: DaemonOptions;
  #options: ResolvedOptions;
  #files: DaemonFiles;
  #record: DaemonRecord;
  #run: DaemonRun | undefined;
  /** The last call, until it is over. */
  #last: StartOperation | StopOperation | undefined;
  #ending: Promise<StopResult> | undefined;

  /**
   * @param name 1 to 200 bytes, part of the names of files: no `/`, `\` or control character, no `.` or `-` first.
   * @param script what `bin` runs, relative to the working directory; a `file:` URL is possible too.
   * @param options see {@link DaemonOptions}.
   * @param logs whether the output of the process is kept: as lines in the response's log, or, detached, in two files.
   * Default false.
   * @param resp the caller's log and events, see {@link DaemonResponse}.
   * @throws {VhostError} ERR_DAEMONIZE_NAME, ERR_DAEMONIZE_SCRIPT (it is empty or no text), ERR_DAEMONIZE_OPTION.
   */
  constructor(
    name: string,
    script: string | URL,
    options?: DaemonOptions | null,
    logs?: boolean,
    resp?: DaemonResponse | null,
  ) {
    super();
    this.#options = resolveOptions(options ?? {});
    this.#given = { ...options };
    this.#files = filesOf(name, this.#options);
    this.#record = new DaemonRecord(this.#options.runDir, this.#files);
    this.name = name;
    this.script = scriptOf(script);
    this.#logs = Boolean(logs);
    this.#response = new Response(resp);
  }

  /** The process that this object started last, also when it has ended; null before. */
  get proc(): ChildProcess | null {
    return this.#run?.child ?? null;
  }

  /** The pid of the living process of this name, whoever started it; undefined if none can be told. */
  get pid(): number | undefined {
    if (this.#run?.isAlive === true) return this.#run.child.pid;
    try {
      const identity = this.#record.get();
      return identity !== undefined && isAlive(identity) ? identity.pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** Absolute path. The first line of the file is the pid. */
  get pidFile(): string {
    return this.#files.pidFile;
  }

  /** Absolute paths of the files that a detached process writes to with `logs`. */
  get logFiles(): { stdout: string; stderr: string } {
    return { stdout: this.#files.stdoutLog, stderr: this.#files.stderrLog };
  }

  /** Whether the process was started by this object, and lives. */
  isOurDaemon(): boolean {
    return this.#run?.isAlive === true;
  }

  /**
   * Starts the process unless it runs. Where no other program is about to start or stop it, {@link proc} is there and
   * the PID file is written when this returns. Resolves when the process has lived for `minUptimeMs`.
   *
   * @param options take the place of those of the constructor, one by one, from now on.
   *
   * Rejects with ERR_DAEMONIZE_SCRIPT (there is no such script), ERR_DAEMONIZE_SPAWN (the system starts no such
   * process), ERR_DAEMONIZE_ENDED (it ended within `minUptimeMs`; `info` has `exitCode`, `signal`, `uptimeMs` and,
   * with logs, `stderr`, its last lines), ERR_DAEMONIZE_PID_FILE, ERR_DAEMONIZE_LOG, ERR_DAEMONIZE_OPTION,
   * ERR_RUN_DIR_UNSAFE, ERR_RUN_DIR_FAILED or ERR_LOCK_FAILED. Nothing of it runs then.
   */
  start(options?: DaemonOptions | null): Promise<StartResult> {
    const last = this.#last;
    if (last !== undefined && last.kind !== 'stop') return last.promise;
    const operation: StartOperation = new Operation('start');
    return this.#begin(operation, async () => {
      if (options !== undefined && options !== null) this.#takeOptions(options);
      return await this.#start(operation);
    });
  }

  /**
   * Stops the process, whoever started it: SIGTERM, which is sent before this returns, and SIGKILL after
   * `stopTimeoutMs`. Resolves when the process is no more. A start that is under way is given up.
   *
   * Rejects with ERR_PROCESS_FORBIDDEN (it is another user's), ERR_DAEMONIZE_STUCK (SIGKILL does not end it),
   * ERR_DAEMONIZE_PID_FILE, ERR_RUN_DIR_UNSAFE or ERR_LOCK_FAILED.
   */
  stop(): Promise<StopResult> {
    const last = this.#last;
    if (last?.kind === 'stop') return last.promise;
    return this.#begin(new Operation<'stop', StopResult>('stop'), () => this.#end());
  }

  /**
   * Stops the process as {@link stop} does, and starts it when its end was seen; one that does not run is started.
   * Resolves and rejects as both do.
   */
  restart(): Promise<StartResult> {
    const last = this.#last;
    if (last?.kind === 'restart' && last.phase !== 'settling') return last.promise;
    const operation: StartOperation = new Operation('restart');
    return this.#begin(operation, async () => {
      operation.phase = 'ending';
      await this.#end();
      return await this.#start(operation);
    });
  }

  #begin<Result extends StartResult | StopResult>(
    operation: Operation<'start' | 'restart' | 'stop', Result> & (StartOperation | StopOperation),
    carryOut: () => Promise<Result>,
  ): Promise<Result> {
    const before = this.#last;
    this.#last = operation;
    before?.cancel();
    operation.run(before?.makesRoom === false ? before.promise : undefined, async () => {
      try {
        return await carryOut();
      } catch (error) {
        throw this.#failed(error);
      } finally {
        if (this.#last === operation) this.#last = undefined;
      }
    });
    return operation.promise;
  }

  #takeOptions(options: DaemonOptions): void {
    checkOptionNames(options);
    const given = { ...this.#given, ...options };
    const resolved = resolveOptions(given);
    this.#files = filesOf(this.name, resolved);
    this.#record = new DaemonRecord(resolved.runDir, this.#files);
    this.#options = resolved;
    this.#given = given;
  }

  async #start(operation: StartOperation): Promise<StartResult> {
    if (operation.signal.aborted) return { status: 'cancelled' };
    operation.phase = 'launching';
    const release = this.#record.tryLock() ?? (await this.#record.lock(operation.signal));
    if (release === undefined) return { status: 'cancelled' };
    let launched: DaemonRun | number;
    try {
      if (operation.signal.aborted) return { status: 'cancelled' };
      launched = this.#launch();
    } finally {
      release();
    }
    if (typeof launched === 'number') {
      this.#response.log('info', `${this.name}: runs already, process ${launched}`);
      this.#tell('running', { pid: launched });
      return { status: 'running', pid: launched };
    }
    operation.phase = 'settling';
    return await this.#settle(launched, operation.signal);
  }

  /** Gives the pid of a process that runs already. To be called with the lock held. */
  #launch(): DaemonRun | number {
    const own = this.#run?.isAlive === true ? this.#run.identity : undefined;
    const state = this.#record.prepare(own);
    const { pidFile } = this.#files;
    if (state.kind === 'running') {
      if (state.wasMissing)
        this.#response.log('warn', `${this.name}: ${pidFile} was missing; process ${state.pid} runs`);
      return state.pid;
    }
    if (state.replaced !== undefined)
      this.#response.log('info', `${this.name}: ${pidFile} was removed: ${state.replaced}`);
    const run = this.#record.create((note) => this.#spawn(note));
    if (typeof run === 'number') return run;
    if (run.identity !== undefined)
      this.#response.log('info', `${this.name}: started, process ${run.identity.pid}`);
    this.#run = run;
    void run.ended.then((ended) => this.#onEnd(run, ended));
    return run;
  }

  #spawn(note: string): DaemonRun {
    const launch = launchOf(this.script, this.#options, process.env);
    launch.env[START_VARIABLE] = note;
    const { detached, stdio, logDir } = this.#options;
    if (this.#logs && detached && stdio === undefined) makePrivateDirectory(logDir);
    try {
      return new DaemonRun({
        launch,
        detached,
        stdio,
        logs: this.#logs,
        stdoutLog: this.#files.stdoutLog,
        stderrLog: this.#files.stderrLog,
        onLine: (stream, line) => {
          this.#response.line(stream, `${this.name}: ${line}`);
          this.#tell(stream, line);
        },
      });
    } catch (error) {
      throw error instanceof VhostError ? error : spawnError(this.name, launch.bin, error);
    }
  }

  async #settle(run: DaemonRun, signal: AbortSignal): Promise<StartResult> {
    if (run.child.pid !== undefined) {
      await endOrUptime(run, this.#options.minUptimeMs, signal);
      if (signal.aborted) return { status: 'cancelled' };
      if (run.isAlive) {
        this.#tell('started', { pid: run.child.pid });
        return { status: 'started', pid: run.child.pid };
      }
    }
    const end = await run.untilEnded();
    await this.#forget(run.identity);
    if (!end.spawned) throw spawnError(this.name, run.child.spawnfile, end.error);
    throw endedError(this.name, end, run.lastErrorLines());
  }

  #end(): Promise<StopResult> {
    if (this.#ending !== undefined) return this.#ending;
    const ending = this.#endOnce().finally(() => {
      this.#ending = undefined;
    });
    this.#ending = ending;
    return ending;
  }

  async #endOnce(): Promise<StopResult> {
    const run = this.#run?.isAlive === true ? this.#run : undefined;
    const identity = run?.identity ?? this.#record.find();
    const result: StopResult =
      identity === undefined ? { status: 'not-running' } : await this.#endIdentity(identity);
    if (identity === undefined) await this.#record.forgetGarbage();
    if (run !== undefined && result.status !== 'stranger') await run.untilEnded();
    await this.#forget(identity);
    this.#response.log(result.status === 'killed' ? 'warn' : 'info', `${this.name}: ${describeStop(result)}`);
    this.#tell('stopped', result);
    return result;
  }

  async #endIdentity(identity: ProcessIdentity): Promise<StopResult> {
    const { pid } = identity;
    const outcome = await endProcess(identity, this.#options.stopTimeoutMs);
    return outcome === 'gone' ? { status: 'not-running' } : { status: outcome, pid };
  }

  #onEnd(run: DaemonRun, ended: RunEnd): void {
    if (!ended.spawned) return;
    const { code, signal } = ended.end;
    this.#response.log('info', `${this.name}: process ${ended.end.pid} ended with ${code ?? signal}`);
    this.#forget(run.identity).catch((error: unknown) => {
      this.#response.log('warn', `${this.name}: cannot remove ${this.pidFile}: ${String(error)}`);
    });
    this.#tell('exit', ended.end);
  }

  async #forget(identity: ProcessIdentity | undefined): Promise<void> {
    if (identity !== undefined) await this.#record.forget(identity);
  }

  #failed(thrown: unknown): Error {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const code = 'code' in error ? `${String(error.code)}: ` : '';
    this.#response.log('err', `${this.name}: ${code}${error.message}`);
    this.#tell('failed', error);
    return error;
  }

  /** A listener that throws must not leave a process without its PID file: its error becomes an uncaught one. */
  #tell<Event extends keyof DaemonEvents>(
    event: Event,
    ...args: EventEmitter.EventArgs<DaemonEvents, Event>
  ): void {
    this.#response.send(`daemon.${this.name}.${event}`, args[0]);
    try {
      this.emit(event, ...args);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

type StartOperation = Operation<'start' | 'restart', StartResult>;
type StopOperation = Operation<'stop', StopResult>;

function scriptOf(given: unknown): string {
  const script = given instanceof URL && given.protocol === 'file:' ? fileURLToPath(given) : given;
  if (typeof script === 'string' && script !== '' && !script.includes('\0')) return script;
  throw new VhostError(
    'ERR_DAEMONIZE_SCRIPT',
    `the script is ${String(given)}; it must be a path or a file: URL`,
    { info: { script: String(given) } },
  );
}

async function endOrUptime(run: DaemonRun, minUptimeMs: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const timer = delay(minUptimeMs, undefined, { signal: AbortSignal.any([signal, over.signal]) });
  await Promise.race([run.ended, timer.catch(() => {})]);
  over.abort();
}

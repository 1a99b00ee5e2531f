// One run of the program: it is over when the process and all that it has started are gone.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fromChildProcess, realOs } from '@vhostd/supervisor';
import type { ChildHandle, Os } from '@vhostd/supervisor';
import type { Writable } from 'node:stream';
import type { ProgramCommand } from './program-command.js';
import { realProcessTable, treeOf } from './process-tree.js';
import type { ProcessTable } from './process-tree.js';

/** What a run of the program is to whoever watches it. */
export interface ProgramHandle extends ChildHandle {
  /** Gives a signal to the program's process group, as the terminal would. */
  pass(signal: NodeJS.Signals): void;
  /** Gives the signal by which it is to end: SIGTERM to the process alone, the terminal's to its process group. */
  leave(signal: NodeJS.Signals): void;
  /**
   * Calls back once, when the process has ended and others of its tree have not: they have been sent SIGTERM, and
   * `onExit` follows when they are gone.
   */
  onLeftBehind(callback: (count: number) => void): void;
}

/** How a program is started. */
export interface SpawnOptions {
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** `pipe`: {@link ProgramProcess.stdin} is written to. `inherit`: it has that of this process. */
  stdin: 'pipe' | 'inherit';
  /** What asks it to end. */
  signal: NodeJS.Signals;
}

/** A process in a session of its own, so that it and all that it starts can be found and signalled together. */
export class ProgramProcess implements ProgramHandle {
  readonly pid: number | undefined;
  /** Undefined unless it is a pipe. */
  readonly stdin: Writable | undefined;
  readonly onError: ChildHandle['onError'];
  readonly #signal: NodeJS.Signals;
  readonly #table: ProcessTable;
  readonly #os: Os;
  readonly #seen = new Map<number, string>();
  readonly #asked = new Set<number>();
  #end: { code: number | null; signal: string | null } | undefined;
  #mode: NodeJS.Signals = 'SIGTERM';
  #lookMs = FIRST_LOOK_MS;
  #onExit: (code: number | null, signal: string | null) => void = ignore;
  #onLeftBehind: (count: number) => void = ignore;

  constructor(
    child: ChildProcess,
    signal: NodeJS.Signals,
    { table = realProcessTable, os = realOs }: { table?: ProcessTable; os?: Os } = {},
  ) {
    const handle = fromChildProcess(child);
    this.pid = handle.pid;
    this.stdin = child.stdin ?? undefined;
    // a program that does not read, or has ended
    this.stdin?.on('error', ignore);
    this.onError = (callback) => handle.onError(callback);
    this.#signal = signal;
    this.#table = table;
    this.#os = os;
    handle.onExit((code, endedBy) => this.#leaderEnded(code, endedBy));
  }

  onExit(callback: (code: number | null, signal: string | null) => void): void {
    this.#onExit = callback;
  }

  onLeftBehind(callback: (count: number) => void): void {
    this.#onLeftBehind = callback;
  }

  /** Asks the process alone: it may want to end its own children in order. */
  softStop(): void {
    if (this.pid === undefined || this.#asked.has(this.pid) || this.#end !== undefined) return;
    this.#ask(this.pid, this.#signal);
  }

  /** Signals the process and all that it has started; who was asked to end already is spared a second SIGTERM. */
  kill(signal: NodeJS.Signals): boolean {
    if (this.pid === undefined) return false;
    this.#mode = signal;
    this.#signalAll();
    return true;
  }

  pass(signal: NodeJS.Signals): void {
    if (this.pid !== undefined) this.#table.killGroup(this.pid, signal);
  }

  leave(signal: NodeJS.Signals): void {
    if (this.pid === undefined || this.#end !== undefined) return;
    if (signal === 'SIGTERM') {
      this.#ask(this.pid, signal);
      return;
    }
    for (const { pid } of this.#look()) this.#asked.add(pid);
    this.#table.killGroup(this.pid, signal);
  }

  #ask(pid: number, signal: NodeJS.Signals): void {
    this.#look();
    this.#asked.add(pid);
    this.#table.kill(pid, signal);
  }

  #leaderEnded(code: number | null, signal: string | null): void {
    this.#end = { code, signal };
    const left = this.#signalAll();
    if (left === 0) {
      this.#onExit(code, signal);
      return;
    }
    this.#onLeftBehind(left);
    this.#lookAgain();
  }

  /** How many are there. Those that have been started since the last look are signalled too. */
  #signalAll(): number {
    const members = this.#look();
    for (const { pid } of members) {
      if (this.#mode !== 'SIGKILL' && this.#asked.has(pid)) continue;
      this.#asked.add(pid);
      this.#table.kill(pid, this.#mode);
    }
    return members.length;
  }

  #look(): { pid: number }[] {
    if (this.pid === undefined) return [];
    const members = treeOf(this.#table.list(), this.pid, this.#seen);
    for (const { pid, startTime } of members) this.#seen.set(pid, startTime);
    return members;
  }

  #lookAgain(): void {
    this.#os.setTimer(
      () => {
        if (this.#signalAll() > 0) this.#lookAgain();
        else this.#onExit(this.#end?.code ?? null, this.#end?.signal ?? null);
      },
      this.#lookMs,
      { ref: true },
    );
    this.#lookMs = Math.min(this.#lookMs * 2, LONGEST_LOOK_MS);
  }
}

/** Starts the program. That it could not be started is told by `onError`. */
export function spawnProgram({ executable, args }: ProgramCommand, options: SpawnOptions): ProgramProcess {
  const { cwd, env, stdin, signal } = options;
  // detached: Node calls setsid(2), the one way it has to make a process group
  const child = spawn(executable, args, { cwd, env, detached: true, stdio: [stdin, 'inherit', 'inherit'] });
  return new ProgramProcess(child, signal);
}

function ignore(): void {
  // nobody has asked
}

const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 100;

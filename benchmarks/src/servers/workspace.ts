// A temporary directory for a system that does not end with its parent: whatever belongs to it is found by it.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mustEnd } from './endings.js';

/** How a program is started in a {@link Workspace}. */
export interface ProgramOptions {
  /** Variables besides those of this process. */
  env?: Readonly<Record<string, string>>;
  /** Default: none. */
  limitMs?: number;
}

export class Workspace {
  readonly directory: string;
  /** Kills what belongs to it, whoever its parent is by now, and removes the directory. */
  readonly end: () => Promise<void>;

  private constructor(directory: string) {
    this.directory = directory;
    this.end = mustEnd(async () => {
      await this.#killAll();
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    });
  }

  /** @throws {Error} when the benchmark is being interrupted. */
  static async create(name: string): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(tmpdir(), `vhostd-bench-${name}-`)));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Starts a program that goes on; its standard output and error can be read. */
  spawn(program: string, args: readonly string[], { env }: ProgramOptions = {}): ChildProcess {
    return spawn(program, [...args], { env: this.#environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /**
   * Runs a program to its end.
   * @throws {Error} with its output when it fails or takes too long.
   */
  async run(program: string, args: readonly string[], options: ProgramOptions = {}): Promise<string> {
    const { env, limitMs = 0 } = options;
    return await new Promise((resolve, reject) => {
      const settings = { env: this.#environment(env), timeout: limitMs, maxBuffer: OUTPUT_MAX_BYTES };
      execFile(program, [...args], settings, (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const what = `${program} ${args.join(' ')} failed: ${error.signal ?? error.code ?? error.message}`;
        reject(new Error(`${what}\n${stdout}${stderr}`.trim(), { cause: error }));
      });
    });
  }

  #environment(env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    return { ...process.env, ...env, [MARK]: this.directory };
  }

  /** A process that is about to be killed may start one more. */
  async #killAll(): Promise<void> {
    for (let found = this.#processes(); found.length > 0; found = this.#processes()) {
      for (const pid of found) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has just ended.
        }
      }
      await delay(POLL_MS);
    }
  }

  /** Those that inherited the mark; and those that have a file of the directory open, as nginx overwrites its environment. */
  #processes(): number[] {
    const mark = `${MARK}=${this.directory}`;
    return allProcesses().filter((pid) => {
      if (pid === process.pid) return false;
      try {
        if (readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)) return true;
        return readdirSync(`/proc/${pid}/fd`).some((fd) =>
          readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${this.directory}/`),
        );
      } catch {
        // Another user's, or it has just ended.
        return false;
      }
    });
  }
}

/** The living children of a process, oldest first. A zombie is none. */
export function childrenOf(parent: number): number[] {
  return allProcesses()
    .flatMap((pid) => {
      try {
        // Behind the program's name in parentheses: state, parent, … and as the 20th the start time (proc(5)).
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (Number(fields[1]) !== parent || fields[0] === 'Z') return [];
        return [{ pid, startTime: Number(fields[19]) }];
      } catch {
        return [];
      }
    })
    .toSorted((one, other) => one.startTime - other.startTime)
    .map(({ pid }) => pid);
}

function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** The variable that everything started in a workspace inherits; its value is the directory. */
const MARK = 'VHOSTD_BENCH_WORKSPACE';
const OUTPUT_MAX_BYTES = 16 * 1024 * 1024;
const POLL_MS = 20;

// A copy of an example in a directory of its own, and the programs that a test runs in it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atEnd } from '../kit/at-end.js';
import { isAlive } from '../kit/processes.js';
import { until } from '../kit/until.js';

/** The repository's `examples` directory. */
export const EXAMPLES: string = fileURLToPath(new URL('../../../examples/', import.meta.url));

/** A directory that ends with its test, and with every process that was started in it. */
export class Workbench {
  readonly dir: string;
  readonly #marker: string = randomUUID();
  readonly #programs: Program[] = [];

  /** @param modules `empty`: a directory without the packages of the examples. */
  constructor(t: TestContext, modules: 'examples' | 'empty' = 'examples') {
    this.dir = mkdtempSync(join(tmpdir(), 'vhostd-example-'));
    if (modules === 'examples') {
      symlinkSync(join(EXAMPLES, 'node_modules'), join(this.dir, 'node_modules'));
    }
    atEnd(t, async () => {
      for (const program of this.#programs) await program.stop();
      const left = this.processes();
      for (const pid of left) process.kill(pid, 'SIGKILL');
      rmSync(this.dir, { recursive: true });
      if (left.length > 0) throw new Error(`processes were left behind: ${left.join(', ')}`);
    });
  }

  /** Copies a file or directory of the examples as it stands, without what earlier runs left in it. */
  copy(name: string, to: string = name): void {
    cpSync(join(EXAMPLES, name), join(this.dir, to), {
      recursive: true,
      filter: (source) => !LEFT_BY_RUNS.has(basename(source)),
    });
  }

  /** Runs `node <args>` here; `$XDG_RUNTIME_DIR` is here as well, so daemons don't meet. */
  node(args: readonly string[], { cwd = this.dir, env = {} }: ProgramOptions = {}): Program {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, XDG_RUNTIME_DIR: this.dir, VHOSTD_TEST_MARKER: this.#marker, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const program = new Program(child);
    this.#programs.push(program);
    return program;
  }

  /** Every living process that was started here, however far down. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(this.#marker))
      .map(Number)
      .filter((pid) => isAlive(pid));
  }

  read(file: string): string {
    try {
      return readFileSync(join(this.dir, file), 'utf8');
    } catch {
      return '';
    }
  }
}

/** Where and with what to run. */
export interface ProgramOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** A running `node` and all that it has printed. */
export class Program {
  readonly pid: number;
  /** How it ended: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  #output = '';
  #hasEnded = false;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    // 'close' comes when the output has been read, too.
    this.ended = once(child, 'close').then(([code, signal]: unknown[]) => {
      this.#hasEnded = true;
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  /** Standard output and standard error, in the order in which they arrived. */
  get output(): string {
    return this.#output;
  }

  /** Waits until it has printed this; fails when it ends without. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    const found = await until(`${String(pattern)} in the output`, () => {
      const match = pattern.exec(this.#output);
      return { done: match !== null || this.#hasEnded, value: match ?? this.#output };
    });
    if (typeof found === 'string') throw new Error(`it ended and printed only:\n${found}`);
    return found;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in order, if it still runs, and says how it ended. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.kill('SIGTERM');
    return await this.ended;
  }
}

const LEFT_BY_RUNS: ReadonlySet<string> = new Set(['node_modules', 'log', '.vhostd']);

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

// A daemon whose parts a test kills, with its master and sites in a directory of its own: it lasts. All that it
// causes, however far down, carries a mark in its environment and is found again by that.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '@vhostd/daemon';
import type { DaemonStatus } from '@vhostd/protocol';
import { MARK_VARIABLE, markedProcesses } from './marked.js';
import { siteFile } from './rig.js';
import { until } from './until.js';

/** What to start. */
export interface LastingRigOptions {
  /** Workers of the one site `a`, whose host is {@link HOST}. Default 2. */
  cpuLen?: number;
  /** Replaces fields of the site. */
  site?: Record<string, unknown>;
  /** The Node binary. Default: this one. */
  node?: string;
  /** The program and its arguments, for a rig's directory. Default: `vhostd run`. */
  program?: (rig: { dir: string; config: string; confFile: string; runDir: string }) => string[];
  env?: Record<string, string>;
  /** Fills the directory before anything is started. */
  prepare?: (dir: string) => void;
}

/** A process, and how it ends: its exit code or the signal that ended it. */
export interface Running {
  pid: number;
  ended: Promise<number | NodeJS.Signals>;
}

export const HOST = 'a.test';

export class LastingRig {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  readonly confFile: string = join(this.dir, 'vhostd.config.json');
  readonly config: string = join(this.dir, 'vhostd.config.json');
  readonly runDir: string = join(this.dir, 'run');
  readonly client: DaemonClient = new DaemonClient(this.runDir);
  readonly #mark: string = randomUUID();
  readonly #log: string = join(this.dir, 'output.log');
  readonly #options: LastingRigOptions;
  /** A test that has died leaves nothing behind. */
  readonly #reaper: ChildProcess = spawn(process.execPath, [REAPER, this.#mark], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  readonly #reaped: Promise<unknown> = once(this.#reaper, 'exit');
  #first: Running | undefined;

  private constructor(options: LastingRigOptions) {
    this.#options = options;
  }

  /** Starts a daemon and waits until its site serves. At the test's end it is stopped, and nothing may be left. */
  static async start(t: TestContext, options: LastingRigOptions = {}): Promise<LastingRig> {
    const rig = new LastingRig(options);
    t.after(() => rig.#clear(t));
    rig.configure();
    options.prepare?.(rig.dir);
    rig.#first = rig.#spawn();
    await rig.until('the site serves', serves);
    return rig;
  }

  /** Writes the conf; `changes` are fields of the site. */
  configure(changes: Record<string, unknown> = {}): void {
    const site = {
      siteId: 'a',
      path: this.dir,
      workerFile: siteFile('exchange'),
      cpuLen: this.#options.cpuLen ?? 2,
      drainTimeout: '5s',
      stopTimeout: '2s',
      listen: [{ host: HOST, port: 0, ipaddress: '127.0.0.1' }],
      ...this.#options.site,
      ...changes,
    };
    writeFileSync(
      this.config,
      JSON.stringify({ log: { level: 'warn' }, limits: { headTimeout: '60s' }, sites: [site] }),
    );
  }

  /** The process of the first daemon. */
  get first(): Running {
    if (this.#first === undefined) throw new Error('nothing was started');
    return this.#first;
  }

  #spawn(): Running {
    const { config, runDir } = this;
    const program = this.#options.program?.(this) ?? [
      COMMAND,
      'run',
      '--config',
      config,
      '--run-dir',
      runDir,
    ];
    return this.run(program, this.#options.node);
  }

  /** Runs a program of Node's in the directory; what it prints goes to the log. */
  run(args: readonly string[], node: string = process.execPath): Running {
    const log = openSync(this.#log, 'a');
    const child = spawn(node, args, {
      cwd: this.dir,
      env: { ...process.env, ...this.#options.env, [MARK_VARIABLE]: this.#mark },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const ended = once(child, 'exit').then(([code, signal]: unknown[]) => (code ?? signal) as number);
    return { pid: child.pid ?? 0, ended };
  }

  /** Runs a command of the command line and returns what it printed and its exit code. */
  async command(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [COMMAND, ...args, '--run-dir', this.runDir], {
      env: { ...process.env, [MARK_VARIABLE]: this.#mark },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => (output[name] += chunk.toString()));
    }
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...output };
  }

  /** What all processes have printed. */
  get output(): string {
    return readFileSync(this.#log, 'utf8');
  }

  /** The status, or undefined while nobody answers. */
  async status(): Promise<DaemonStatus | undefined> {
    try {
      return await this.client.status();
    } catch {
      return undefined;
    }
  }

  /** Waits until the status is as wanted. */
  async until(
    what: string,
    wanted: (status: DaemonStatus) => boolean,
    limitMs = 60_000,
  ): Promise<DaemonStatus> {
    const probe = async (): Promise<{ done: boolean; value: DaemonStatus | undefined }> => {
      const value = await this.status();
      return { done: value !== undefined && wanted(value), value };
    };
    const found = await until(what, probe, limitMs);
    if (found === undefined) throw new Error(`no status: ${what}`);
    return found;
  }

  /** The process that the PID file names. */
  pidInFile(): number {
    return Number.parseInt(readFileSync(join(this.runDir, 'daemon.pid'), 'utf8'), 10);
  }

  /** Every living process that was caused by this rig. */
  processes(): number[] {
    return markedProcesses(this.#mark);
  }

  /** Waits until every process is gone. */
  async gone(): Promise<void> {
    await until('every process has left', () => {
      const value = this.processes().map((pid) => `${pid} ${commandOf(pid)}`);
      return { done: value.length === 0, value };
    });
  }

  async #clear(t: TestContext): Promise<void> {
    try {
      await this.client.stop({ now: true });
    } catch {
      // It was stopped by the test.
    }
    let left: unknown;
    await this.gone().catch((error: unknown) => {
      left = error;
    });
    this.#reaper.stdin?.end();
    await this.#reaped;
    if (Reflect.get(t, 'passed') === false || left !== undefined) t.diagnostic(`output:\n${this.output}`);
    rmSync(this.dir, { recursive: true, force: true });
    if (left !== undefined) throw left;
  }
}

/** Whether the site `a` has all its workers. */
export function serves(status: DaemonStatus): boolean {
  const [site] = status.sites;
  return (
    site !== undefined && site.state === 'running' && site.workers.every(({ state }) => state === 'ready')
  );
}

/** The pids of the workers, in order. */
export function workerPids(status: DaemonStatus): number[] {
  return status.sites
    .flatMap(({ workers }) => workers.flatMap(({ pid }) => pid ?? []))
    .toSorted((a, b) => a - b);
}

/** The port of the first listener. */
export function portOf(status: DaemonStatus): number {
  return status.listeners[0]?.port ?? 0;
}

export const COMMAND: string = fileURLToPath(new URL('../bin/vhostd.js', import.meta.resolve('vhostd')));

const REAPER = fileURLToPath(new URL('./reaper.child.js', import.meta.url));

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

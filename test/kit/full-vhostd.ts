// Daemon, master and workers, as an operator runs them: `vhostd run`, or a daemon program of the test's own. It lasts
// when the test kills parts of it, and at the test's end nothing of it may be left.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '@vhostd/daemon';
import type { DaemonStatus, ReloadResult } from '@vhostd/protocol';
import { Orders } from './orders.js';
import { MARK_VARIABLE } from './processes.js';
import { reaped } from './reaper.js';
import { until, within } from './until.js';
import { serves, Vhostd } from './vhostd.js';
import type { ConfOptions, SiteOptions } from './vhostd.js';

/** Where a program of the test's own finds what it needs. */
export interface Place {
  dir: string;
  confFile: string;
  runDir: string;
}

/** How a full vhostd is started. */
export interface FullVhostdOptions {
  sites: readonly SiteOptions[];
  conf?: ConfOptions;
  env?: Record<string, string>;
  /** The Node binary. Default: this one. */
  node?: string;
  /** What the daemon is started by, such as `nsenter --net=FILE`. Default: nothing. */
  through?: readonly string[];
  /** The daemon's program and its arguments, behind options of Node. Default: `vhostd run`. */
  program?: (place: Place) => string[];
  /** The program answers orders, see {@link FullVhostd.ask}. */
  orders?: boolean;
  /** Fills the directory before anything is started. */
  prepare?: (dir: string) => void;
}

/** How a process ended. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** When, on the clock of `performance.now()`. */
  atMs: number;
}

/** A process that the test has started. */
export interface Running {
  pid: number;
  ended: Promise<ProcessEnd>;
}

/** What a command that has ended left. */
export interface CommandOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class FullVhostd extends Vhostd<DaemonStatus> {
  readonly client: DaemonClient;
  /** The first daemon. */
  readonly first: Running;

  readonly #orders: Orders | undefined;

  constructor(options: FullVhostdOptions) {
    const { sites, conf = {}, program, prepare, orders = false } = options;
    super(sites, conf);
    prepare?.(this.dir);
    this.client = new DaemonClient(this.runDir);
    const { confFile } = this;
    const args = program?.(this) ?? [COMMAND, 'run', '--config', confFile, '--run-dir', this.runDir];
    const child = this.#spawn(args, options);
    this.first = runningOf(child);
    this.#orders = orders ? new Orders(child) : undefined;
  }

  /** Resolves once every site is served. */
  async published(): Promise<void> {
    // What says so: `vhostd run`, or the kit's own daemon program. A site may take its time from there.
    await this.says(/^(?:vhostd ready|\d+ loaded)$/m);
    await this.until('the sites are served', ({ sites }) =>
      sites.every(({ state }) => ['running', 'idle', 'frozen'].includes(state)),
    );
  }

  /** {@link published}, with all the workers that each site has. */
  async serves(): Promise<DaemonStatus> {
    return await this.until('the sites serve', serves);
  }

  /** Starts a program of Node's in its directory; what it prints goes to the output. */
  start(args: readonly string[]): Running {
    return runningOf(this.#spawn(args, {}));
  }

  /** Lets the first daemon's program do something; rejects with the error that it had. */
  async ask(command: string, params: unknown = null): Promise<unknown> {
    if (this.#orders === undefined) throw new Error('its program takes no orders');
    return await this.#orders.give(command, params);
  }

  /** Runs a command of `vhostd` to its end. Whether it told what it waits for is a matter of the machine's speed. */
  async run(...args: string[]): Promise<CommandOutcome> {
    const child = spawn(process.execPath, [COMMAND, ...args, '--run-dir', this.runDir], {
      cwd: this.dir,
      env: { ...process.env, [MARK_VARIABLE]: this.mark },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const outcome: CommandOutcome = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (outcome.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (outcome.stderr += chunk.toString()));
    const closed = once(child, 'close');
    try {
      const [code] = (await within(`vhostd ${args.join(' ')}`, COMMAND_LIMIT_MS, closed)) as unknown[];
      const stderr = outcome.stderr.replace(WAITS, '');
      return { ...outcome, stderr, code: typeof code === 'number' ? code : null };
    } finally {
      child.kill('SIGKILL');
    }
  }

  /** The process of the first daemon. */
  get pid(): number {
    return this.first.pid;
  }

  /** How the first daemon ended. */
  get ended(): Promise<ProcessEnd> {
    return this.first.ended;
  }

  /** To the first daemon. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.first.pid, name);
  }

  async status(): Promise<DaemonStatus> {
    return await this.client.status();
  }

  /** The status, or undefined while nobody answers. */
  async statusNow(): Promise<DaemonStatus | undefined> {
    return await this.status().catch(() => undefined);
  }

  /** Waits until there is a daemon that answers, and its status is as wanted. */
  override async until(
    what: string,
    wanted: (status: DaemonStatus) => boolean,
    limitMs?: number,
  ): Promise<DaemonStatus> {
    const found = await until(
      what,
      async () => {
        const value = await this.statusNow();
        if (value === undefined && (await this.#hasEnded()))
          throw new Error(`it has ended, and not: ${what}:\n${this.output}`);
        return { done: value !== undefined && wanted(value), value };
      },
      limitMs,
    );
    if (found === undefined) throw new Error(`no status: ${what}`);
    return found;
  }

  /** The guard becomes a daemon: a process shows no environment while it executes another program. */
  async #hasEnded(): Promise<boolean> {
    if (this.withGuard().length > 0) return false;
    await delay(EXECUTE_LIMIT_MS);
    return this.withGuard().length === 0;
  }

  async reload(siteId?: string): Promise<ReloadResult> {
    return await this.client.reload(siteId);
  }

  /** Stops it in order, and waits until nothing is left of it. */
  async stop(): Promise<void> {
    await this.client.stop();
    await this.gone();
  }

  /** The process that the PID file names. */
  pidInFile(): number {
    return Number.parseInt(readFileSync(join(this.runDir, 'daemon.pid'), 'utf8'), 10);
  }

  /** Every process that its status tells of: daemon, master, workers. */
  async pids(): Promise<number[]> {
    const { daemon, master, sites } = await this.status();
    const workers = sites.flatMap((site) => site.workers.flatMap(({ pid }) => pid ?? []));
    return [daemon.pid, ...(master === undefined ? [] : [master.pid]), ...workers];
  }

  protected async end(): Promise<void> {
    // The test may have stopped it.
    const stopping = this.client.stop({ now: true }).catch(() => undefined);
    this.#orders?.end();
    await stopping;
    await this.gone();
  }

  #spawn(
    args: readonly string[],
    { node = process.execPath, env = {}, orders = false, through = [] }: Omit<FullVhostdOptions, 'sites'>,
  ): ChildProcess {
    const log = openSync(this.outputFile, 'a');
    const [file = node, ...rest] = [...through, node, ...args];
    const child = spawn(file, rest, {
      cwd: this.dir,
      env: { ...process.env, ...env, [MARK_VARIABLE]: reaped(this.mark) },
      stdio: ['ignore', log, log, ...(orders ? (['ipc'] as const) : [])],
    });
    closeSync(log);
    return child;
  }
}

function runningOf(child: ChildProcess): Running {
  const ended = once(child, 'exit').then(([code, signal]: unknown[]) => ({
    code: typeof code === 'number' ? code : null,
    signal: typeof signal === 'string' ? (signal as NodeJS.Signals) : null,
    atMs: performance.now(),
  }));
  return { pid: child.pid ?? 0, ended };
}

/** The program of `vhostd`. */
export const COMMAND: string = fileURLToPath(new URL('../bin/vhostd.js', import.meta.resolve('vhostd')));

/** The arguments of a daemon whose state directory is `state` in the directory of the test. */
export function withOwnState({ dir, confFile, runDir }: Place): string[] {
  return [COMMAND, 'run', '--config', confFile, '--run-dir', runDir, '--state-dir', join(dir, 'state')];
}

/** What only a hang exceeds. */
const COMMAND_LIMIT_MS = 60_000;
/** Far longer than execve(2) takes. */
const EXECUTE_LIMIT_MS = 2000;

/** Lines on stderr that tell what a command waits for. */
const WAITS = /^vhostd: waits for .*\n/gm;

// `vhostd run` as an operator starts it, in a directory of its own, and the commands that are given to it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '@vhostd/daemon';
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import { isAlive } from './processes.js';
import { until, within } from './until.js';

/** A site of the conf; `path` is filled in, `hosts` as for a rig. */
export type DaemonSite = Record<string, unknown> & { siteId: string; hosts?: string[] };

/** What a command that has ended left. */
export interface CommandOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A line of the log of daemon or master. */
export type LogLine = Record<string, unknown>;

/** How `vhostd run` ended. */
export interface DaemonEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** When, on the clock of `performance.now()`. */
  atMs: number;
}

export class DaemonRig {
  readonly dir: string;
  readonly client: DaemonClient;
  readonly ended: Promise<DaemonEnd>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  private constructor(dir: string) {
    this.dir = dir;
    this.client = new DaemonClient(join(dir, 'run'));
    this.#child = spawn(process.execPath, [COMMAND, 'run', '--config', this.confFile, ...this.#where()], {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.ended = once(this.#child, 'exit').then(([code, signal]: unknown[]) => ({
      code: typeof code === 'number' ? code : null,
      signal: typeof signal === 'string' ? (signal as NodeJS.Signals) : null,
      atMs: performance.now(),
    }));
  }

  /** Makes the directory, lets `prepare` fill it, writes the conf, starts; resolves without waiting for the sites. */
  static launch(t: TestContext, sites: DaemonSite[], prepare?: (dir: string) => void): DaemonRig {
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    prepare?.(dir);
    writeConf(dir, sites);
    const rig = new DaemonRig(dir);
    t.after(async () => {
      await rig.close();
      if (Reflect.get(t, 'passed') === false) t.diagnostic(`output:\n${rig.#stdout}${rig.#stderr}`);
    });
    return rig;
  }

  /** {@link launch}, and waits until every site is published. */
  static async start(
    t: TestContext,
    sites: DaemonSite[],
    prepare?: (dir: string) => void,
  ): Promise<DaemonRig> {
    const rig = DaemonRig.launch(t, sites, prepare);
    await rig.says('vhostd ready\n');
    return rig;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get confFile(): string {
    return join(this.dir, CONF_NAME);
  }

  /** Standard output and standard error so far. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  /** The JSON lines of the log that tell of this event. */
  logged(event: string): LogLine[] {
    return this.#stderr
      .split('\n')
      .flatMap((line) => (line.includes(`"event":"${event}"`) ? [JSON.parse(line) as LogLine] : []));
  }

  /** Waits until the output holds a text. */
  async says(text: string): Promise<void> {
    await until(`it says ${JSON.stringify(text)}`, () => this.#told(this.output.includes(text)), LIMIT_MS);
  }

  /** Waits until so many lines of the log tell of an event; returns them. */
  async logs(event: string, count = 1): Promise<LogLine[]> {
    await until(`${count} × ${event}`, () => this.#told(this.logged(event).length >= count), LIMIT_MS);
    return this.logged(event);
  }

  /** Writes the conf anew; nothing heeds it before a reload. */
  configure(sites: DaemonSite[]): void {
    writeConf(this.dir, sites);
  }

  /** Runs a command of `vhostd` to its end. */
  async run(...args: string[]): Promise<CommandOutcome> {
    const child = spawn(process.execPath, [COMMAND, ...args, ...this.#where()], {
      cwd: this.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const outcome: CommandOutcome = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (outcome.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (outcome.stderr += chunk.toString()));
    const closed = once(child, 'close');
    try {
      const [code] = (await within(`vhostd ${args.join(' ')}`, LIMIT_MS, closed)) as unknown[];
      return { ...outcome, code: typeof code === 'number' ? code : null };
    } finally {
      child.kill('SIGKILL');
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async site(siteId: string): Promise<SiteStatus> {
    const found = (await this.client.status()).sites.find((site) => site.siteId === siteId);
    if (found === undefined) throw new Error(`no site ${siteId}`);
    return found;
  }

  /** Waits until the status is as wanted. */
  async until(what: string, wanted: (status: DaemonStatus) => boolean): Promise<DaemonStatus> {
    return await until(
      what,
      async () => {
        const value = await this.client.status();
        return { done: wanted(value), value };
      },
      LIMIT_MS,
    );
  }

  /** Waits until every one of these processes has gone. */
  async gone(pids: readonly number[]): Promise<void> {
    await until('its processes have gone', () => {
      const left = pids.filter(isAlive);
      return { done: left.length === 0, value: left };
    });
  }

  /** The port of its one listener. */
  async port(): Promise<number> {
    const { listeners } = await this.until('it listens', (status) => status.listeners.length > 0);
    return listeners[0]?.port ?? 0;
  }

  /** Every process of it that can be told of now: daemon, master, workers. */
  async pids(): Promise<number[]> {
    const { master, sites } = await this.client.status();
    const workers = sites.flatMap((site) => site.workers.flatMap(({ pid }) => pid ?? []));
    return [this.pid, ...(master === undefined ? [] : [master.pid]), ...workers];
  }

  /** Ends it at once, if it runs still, and removes the directory. */
  async close(): Promise<void> {
    const pids = await this.pids().catch(() => [this.pid]);
    if (isAlive(this.pid)) {
      this.signal('SIGTERM');
      this.signal('SIGTERM');
      const kill = setTimeout(() => this.signal('SIGKILL'), CLOSE_LIMIT_MS);
      await this.ended;
      clearTimeout(kill);
    }
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }

  #where(): string[] {
    return ['--run-dir', join(this.dir, 'run')];
  }

  #told(done: boolean): { done: boolean; value: string } {
    if (!done && !isAlive(this.pid)) throw new Error(`it has ended:\n${this.output}`);
    return { done, value: this.output.slice(-2000) };
  }
}

function writeConf(dir: string, sites: DaemonSite[]): void {
  const written = sites.map(({ hosts, ...site }) => ({
    path: dir,
    ...(hosts === undefined
      ? {}
      : { listen: hosts.map((host) => ({ host, port: 0, ipaddress: '127.0.0.1' })) }),
    ...site,
  }));
  writeFileSync(join(dir, CONF_NAME), JSON.stringify({ sites: written }));
}

const CONF_NAME = 'vhostd.config.json';
const COMMAND = fileURLToPath(new URL('../bin/vhostd.js', import.meta.resolve('vhostd')));
/** What only a hang exceeds, ms. */
const LIMIT_MS = 60_000;
const CLOSE_LIMIT_MS = 15_000;

// Starts a daemon with one site whose processes can be asked what they hold.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '@vhostd/daemon';
import { siteFile } from '../../kit/rig.js';
import { until, within } from '../../kit/until.js';
import type { Resources } from './resources.js';

interface Report {
  id: number;
  value?: unknown;
  error?: string;
}

export class Watched {
  readonly client: DaemonClient;
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #waiting = new Map<number, (report: Report) => void>();
  #lastId = 0;
  #output = '';

  private constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.#log = join(dir, 'site.log');
    this.client = new DaemonClient(join(dir, 'run'));
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    child.on('message', (message) => {
      const report = message as Report;
      this.#waiting.get(report.id)?.(report);
      this.#waiting.delete(report.id);
    });
  }

  /** Nothing in it happens by the clock: what it holds changes with reloads only. */
  static async start(t: TestContext, conf: Record<string, unknown>): Promise<Watched> {
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    const config = join(dir, 'vhostd.config.json');
    const site = {
      siteId: 'a',
      path: dir,
      workerFile: siteFile('exchange'),
      cpuLen: 1,
      listen: [{ host: 'a.test', port: 0, ipaddress: '127.0.0.1' }],
      logAll: 'site.log',
      settleTime: 0,
      heartbeatInterval: '1h',
      heartbeatLimit: '2h',
      restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
    };
    writeFileSync(config, JSON.stringify({ log: { level: 'info' }, ...conf, sites: [site] }));
    const child = fork(
      fileURLToPath(new URL('./watched-daemon.child.js', import.meta.url)),
      [join(dir, 'run'), config],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], cwd: dir, execArgv: [...INTERPRETED] },
    );
    const watched = new Watched(child, dir);
    const exited = once(child, 'exit');
    t.after(async () => {
      if (child.connected) child.disconnect();
      await exited;
      rmSync(dir, { recursive: true, force: true });
      if (Reflect.get(t, 'passed') === false) t.diagnostic(watched.#output.slice(-10_000));
    });
    const loaded = new Promise((resolve) => watched.#waiting.set(0, resolve));
    await within('the site is loaded', 60_000, loaded);
    return watched;
  }

  /** All that daemon, master and workers have printed. */
  get output(): string {
    return this.#output + readFileSync(this.#log, 'utf8');
  }

  async port(): Promise<number> {
    return (await this.client.status()).listeners[0]?.port ?? 0;
  }

  /** Reloads, by way of the control socket, and waits until the old worker has gone. */
  async reload(): Promise<void> {
    const { sites } = await this.client.reload();
    if (sites.some(({ ok }) => !ok)) throw new Error(JSON.stringify(sites));
    await until('the old worker has gone', async () => {
      const value = (await this.client.status()).sites[0]?.workers;
      return { done: value?.length === 1 && value[0]?.state === 'ready', value };
    });
  }

  async resources(of: 'daemon' | 'master'): Promise<Resources> {
    return (await this.#order(of)) as Resources;
  }

  /** Makes the master hold 10 KB more for ever. */
  async leak(): Promise<void> {
    await this.#order('leak');
  }

  async #order(what: 'daemon' | 'master' | 'leak'): Promise<unknown> {
    const id = (this.#lastId += 1);
    const answered = new Promise<Report>((resolve) => this.#waiting.set(id, resolve));
    this.#child.send({ id, what });
    const { value, error } = await within(what, 60_000, answered);
    if (error !== undefined) throw new Error(error);
    return value;
  }
}

/** Compiled code is no leak, but grows for hundreds of reloads: without it the heap stands still. */
const INTERPRETED = ['--no-opt', '--no-sparkplug', '--no-maglev', '--regexp-interpret-all'];

// A master process with its sites in a directory of its own, for one test.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MasterStatus, SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { isAlive } from './processes.js';
import { isReport } from './rig-messages.js';
import type { RigReport } from './rig-messages.js';
import { until, within } from './until.js';

/** What to start. */
export interface RigOptions {
  /** Sites as in a conf file; `path` is filled in, `listen` is one port 0 of 127.0.0.1 for all hosts of `hosts`. */
  sites: SiteOptions[];
  /** The other fields of the conf: limits, handoff, backlog. */
  conf?: Record<string, unknown>;
  /** A module that the master process loads; its `commands` can be called by {@link Rig.ask}. */
  setup?: URL;
}

/** A site of a conf file, with two abbreviations. */
export type SiteOptions = Record<string, unknown> & {
  siteId: string;
  /** Hosts that the site answers for on the shared port. */
  hosts?: string[];
  /** What its workers run. */
  workerFile: string;
};

export class Rig {
  readonly pid: number;
  readonly dir: string;
  /** What the master reported beside its answers. */
  readonly events: { event: string; data: unknown }[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (report: RigReport) => void>();
  #output = '';
  #leaksListeners = false;
  #lastId = 0;
  #exited: Promise<unknown>;

  private constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.dir = dir;
    this.pid = child.pid ?? 0;
    this.#exited = once(child, 'exit');
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        const text = chunk.toString();
        this.#leaksListeners ||= text.includes('MaxListenersExceededWarning');
        this.#output = (this.#output + text).slice(-OUTPUT_MAX_CHARS);
      });
    child.on('message', (report) => {
      if (isReport(report)) this.#onReport(report);
    });
  }

  /** Starts a master and waits until every site is published; the test's end stops it. */
  static async start(t: TestContext, options: RigOptions): Promise<Rig> {
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    const file = join(dir, 'vhostd.config.json');
    const sites = options.sites.map(({ hosts, ...site }) => ({
      path: dir,
      drainTimeout: '2s',
      stopTimeout: '2s',
      ...(hosts === undefined
        ? {}
        : { listen: hosts.map((host) => ({ host, port: 0, ipaddress: '127.0.0.1' })) }),
      ...site,
    }));
    writeFileSync(file, JSON.stringify({ log: { level: 'warn' }, ...options.conf, sites }));
    const child = fork(fileURLToPath(new URL('./master.child.js', import.meta.url)), ['--config', file], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      cwd: dir,
      execArgv: [],
      env: {
        ...process.env,
        ...(options.setup === undefined ? {} : { MASTER_COMMANDS: options.setup.href }),
      },
    });
    const rig = new Rig(child, dir);
    t.after(async () => {
      await rig.close();
      if (!passed(t)) t.diagnostic(`output of the master:\n${rig.output}`);
      if (rig.#leaksListeners) throw new Error(`the master leaks listeners:\n${rig.output}`);
    });
    const failures = await within('the master is ready', START_LIMIT_MS, rig.#ready());
    if (failures.length > 0) throw new Error(`sites failed: ${JSON.stringify(failures)}\n${rig.output}`);
    return rig;
  }

  /** The end of what master and workers printed. */
  get output(): string {
    return this.#output;
  }

  get alive(): boolean {
    return isAlive(this.pid);
  }

  /** Lets the master process do something; rejects with the error that it had. */
  async ask(command: string, params: unknown = null): Promise<unknown> {
    const id = (this.#lastId += 1);
    const report = await new Promise<RigReport>((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, command, params }, (error) => error !== null && reject(error));
      void this.#exited.then(() => reject(new Error(`the master has exited:\n${this.#output}`)));
    });
    if ('value' in report) return report.value;
    if (!('error' in report)) return undefined;
    throw Object.assign(new Error(report.error.message), { code: report.error.code });
  }

  async status(): Promise<MasterStatus> {
    return (await this.ask('status')) as MasterStatus;
  }

  async site(siteId: string): Promise<SiteStatus> {
    const found = (await this.status()).sites.find((site) => site.siteId === siteId);
    if (found === undefined) throw new Error(`no site ${siteId}`);
    return found;
  }

  /** Waits until the status is as wanted. */
  async until(
    what: string,
    wanted: (status: MasterStatus) => boolean,
    limitMs?: number,
  ): Promise<MasterStatus> {
    const probe = async (): Promise<{ done: boolean; value: MasterStatus }> => {
      const value = await this.status();
      return { done: wanted(value), value };
    };
    return await until(what, probe, limitMs);
  }

  /** The workers of a site that are ready. */
  async workers(siteId: string): Promise<(WorkerStatus & { pid: number })[]> {
    const { workers } = await this.site(siteId);
    return workers.flatMap((worker) =>
      worker.state === 'ready' && worker.pid !== undefined ? [{ ...worker, pid: worker.pid }] : [],
    );
  }

  /** Calls a handler of the first worker of a site. */
  async callSite(siteId: string, name: string, params: unknown = null, timeoutMs = 60_000): Promise<unknown> {
    const [worker] = await this.workers(siteId);
    return await this.ask('callWorker', { to: worker?.workerId ?? '', name, params, timeoutMs });
  }

  /** The port of the one listener of this type. */
  async port(type: 'tcp' | 'ssl' = 'tcp'): Promise<number> {
    const found = (await this.status()).listeners.find((listener) => listener.type === type);
    if (found === undefined) throw new Error(`no listener of type ${type}`);
    return found.port;
  }

  /** Stops the master at once, with its workers, and removes the directory. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(timer);
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #ready(): Promise<{ siteId: string; error: { code: string; message: string } }[]> {
    const report = await new Promise<RigReport>((resolve, reject) => {
      this.#waiting.set(0, resolve);
      void this.#exited.then(() => reject(new Error(`the master has exited:\n${this.#output}`)));
    });
    return 'ready' in report ? report.ready.failures : [];
  }

  #onReport(report: RigReport): void {
    if ('event' in report) return void this.events.push(report);
    const id = 'ready' in report ? 0 : report.id;
    this.#waiting.get(id)?.(report);
    this.#waiting.delete(id);
  }
}

/** A file of the kit's sites. */
export function siteFile(name: string): string {
  return fileURLToPath(new URL(`./${name}.site.js`, import.meta.url));
}

/** Whether it has passed so far; where Node does not tell, it has. */
export function passed(t: TestContext): boolean {
  return Reflect.get(t, 'passed') !== false;
}

const OUTPUT_MAX_CHARS = 20_000;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;

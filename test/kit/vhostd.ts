// A vhostd that a test has started, whichever of its processes the test can do without: its directory and conf, its
// status, its log, its processes. How one is started: start-vhostd.ts.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MasterCounts, MasterStatus, ReloadResult, SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { commandOf, isAlive, killMarked, MARK_VARIABLE, markedProcesses } from './processes.js';
import { until } from './until.js';

/** A site as in a conf file; what is absent is as in {@link SITE_DEFAULTS}. */
export type SiteOptions = Record<string, unknown> & {
  siteId: string;
  /** Hosts that the site answers for on one port of 127.0.0.1, the same for all sites. Default: `SITEID.test`. */
  hosts?: string[];
  /** What its workers run. Default: the kit's echo site. */
  workerFile?: string;
};

/** The fields of the conf beside the sites: `limits`, `handoff`, `log` … */
export type ConfOptions = Record<string, unknown>;

/** What every form of vhostd tells of itself. */
export interface AnyStatus {
  listeners: MasterStatus['listeners'];
  sites: SiteStatus[];
  counts?: MasterCounts;
}

/** A line of the log. */
export type LogLine = Record<string, unknown>;

/** A worker that is there. */
export type LiveWorker = WorkerStatus & { pid: number };

/** What tests wait for; limits are long, since they only decide how long a failure takes. */
export abstract class Vhostd<Status extends AnyStatus> {
  /** Ends with the test. The working directory of all its processes, and the `path` of its sites. */
  readonly dir: string = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  readonly confFile: string = join(this.dir, 'vhostd.config.json');
  readonly runDir: string = join(this.dir, 'run');
  /** In the environment of every process that it starts, however far down. */
  protected readonly mark: string = `${process.pid}.${randomUUID()}`;
  /** Since when it has had no process. */
  #emptySinceMs: number | undefined;
  /** What all of them print. */
  protected readonly outputFile: string = join(this.dir, 'output.log');

  constructor(sites: readonly SiteOptions[], conf: ConfOptions) {
    writeFileSync(this.outputFile, '');
    this.configure(sites, conf);
  }

  /** Rejects while nobody answers. */
  abstract status(): Promise<Status>;

  abstract reload(siteId?: string): Promise<ReloadResult>;

  /** Ends it. */
  protected abstract end(): Promise<void>;

  /** Writes the conf anew; nobody heeds it before a reload. */
  configure(sites: readonly SiteOptions[], conf: ConfOptions = {}): void {
    const link = process.env['VHOSTD_TEST_HANDOFF'];
    const all = { limits: { headTimeout: '60s' }, ...(link === undefined ? {} : { handoff: link }), ...conf };
    writeFileSync(this.confFile, JSON.stringify({ ...all, sites: sites.map((site) => this.#written(site)) }));
  }

  /** Changes fields of one site in the conf; `undefined` takes a field out. */
  change(siteId: string, fields: Record<string, unknown>): void {
    const conf = JSON.parse(readFileSync(this.confFile, 'utf8')) as { sites: SiteOptions[] };
    const sites = conf.sites.map((site) => (site.siteId === siteId ? { ...site, ...fields } : site));
    writeFileSync(this.confFile, JSON.stringify({ ...conf, sites }));
  }

  /** Makes an empty file in its directory: what sites and programs wait for. */
  touch(name: string): void {
    writeFileSync(join(this.dir, name), '');
  }

  /** Reloads, and throws unless every site of it has a new generation. */
  async reloaded(siteId?: string): Promise<ReloadResult> {
    const result = await this.reload(siteId);
    if (result.sites.some(({ ok }) => !ok)) throw new Error(JSON.stringify(result.sites));
    return result;
  }

  async site(siteId: string): Promise<SiteStatus> {
    const found = (await this.status()).sites.find((site) => site.siteId === siteId);
    if (found === undefined) throw new Error(`no site ${siteId}`);
    return found;
  }

  /** The workers of a site that are ready. */
  async workers(siteId: string): Promise<LiveWorker[]> {
    return readyWorkers(await this.site(siteId));
  }

  /** The port of the one listener of this type. */
  async port(type: 'tcp' | 'ssl' = 'tcp'): Promise<number> {
    return portOf(await this.status(), type);
  }

  /** Waits until the status is as wanted. */
  async until(what: string, wanted: (status: Status) => boolean, limitMs?: number): Promise<Status> {
    return await until(
      what,
      async () => {
        const value = await this.status();
        return { done: wanted(value), value };
      },
      limitMs,
    );
  }

  /** Waits until a site has so many ready workers and no others; default: all that it has, of each site. */
  async ready(siteId?: string, count?: number): Promise<Status> {
    return await this.until(
      `${count ?? 'all'} workers of ${siteId ?? 'all sites'} are ready`,
      ({ sites }) => {
        const asked = sites.filter((site) => siteId === undefined || site.siteId === siteId);
        return (
          serves({ listeners: [], sites: asked }) &&
          (count === undefined || asked.every(({ workers }) => workers.length === count))
        );
      },
    );
  }

  /** Waits until no worker of an earlier generation is left. */
  async drained(): Promise<Status> {
    return await this.until('no old worker is left', ({ sites }) =>
      sites.every(({ generation, workers }) => workers.every((worker) => worker.generation === generation)),
    );
  }

  /** All that its processes have printed. */
  get output(): string {
    return readFileSync(this.outputFile, 'utf8');
  }

  /** The lines of the log that tell of this event. */
  logged(event: string): LogLine[] {
    return this.output
      .split('\n')
      .flatMap((line) => (line.includes(`"event":"${event}"`) ? [JSON.parse(line) as LogLine] : []));
  }

  /** Waits until so many lines of the log tell of an event; returns them. */
  async logs(event: string, count = 1, limitMs?: number): Promise<LogLine[]> {
    return await until(
      `${count} × ${event}`,
      () => {
        const value = this.logged(event);
        return { done: this.#stillMay(value.length >= count), value };
      },
      limitMs,
    );
  }

  /** Waits until the output holds a text. */
  async says(text: string | RegExp): Promise<void> {
    await until(`it says ${String(text)}`, () => {
      const { output } = this;
      const found = typeof text === 'string' ? output.includes(text) : text.test(output);
      return { done: this.#stillMay(found), value: output.slice(-2000) };
    });
  }

  /** Every living process of it, however far down and whoever its parent is by now; but the guard of its daemon. */
  processes(): number[] {
    return this.withGuard().filter((pid) => !commandOf(pid).includes(' vhostd-guard '));
  }

  /** {@link processes}, and the shell that waits for the daemon's end. */
  protected withGuard(): number[] {
    return markedProcesses(this.mark);
  }

  /** Waits until these processes, or all of it, are gone. */
  async gone(pids?: readonly number[]): Promise<void> {
    await until('its processes have gone', () => {
      const value = (pids?.filter(isAlive) ?? this.withGuard()).map((pid) => `${pid} ${commandOf(pid)}`);
      return { done: value.length === 0, value };
    });
  }

  /** For the end of the test: ends it, and shows what it printed if the test has failed. */
  async close(t: TestContext): Promise<void> {
    let output = '';
    try {
      await this.end();
    } finally {
      killMarked(this.mark);
      ({ output } = this);
      if (!passed(t)) t.diagnostic(`output:\n${output.slice(-OUTPUT_MAX_CHARS)}`);
      rmSync(this.dir, { recursive: true, force: true });
    }
    if (output.includes('MaxListenersExceededWarning')) throw new Error(`it leaks listeners:\n${output}`);
  }

  /** @throws {Error} when what is waited for has not come, and there is nobody left to do it. */
  #stillMay(done: boolean): boolean {
    const nowMs = performance.now();
    if (done || this.withGuard().length > 0) this.#emptySinceMs = undefined;
    else this.#emptySinceMs ??= nowMs;
    if (nowMs - (this.#emptySinceMs ?? nowMs) > EMPTY_MS) throw new Error(`it has ended:\n${this.output}`);
    return done;
  }

  #written({ hosts, ...options }: SiteOptions): Record<string, unknown> {
    const site = { ...options, ...this.#marked(options) };
    // Over that link a site with an allow, or with a user of its own, is refused otherwise.
    const trust = process.env['VHOSTD_TEST_HANDOFF'] === 'ipc' ? { trusted: true } : {};
    const listen = (hosts ?? [`${site.siteId}.test`]).map((host) => ({
      host,
      port: 0,
      ipaddress: '127.0.0.1',
    }));
    return { path: this.dir, workerFile: siteFile('echo'), listen, ...trust, ...SITE_DEFAULTS, ...site };
  }

  /** A site with a user of its own inherits no mark. */
  #marked({ user, workerOptions }: SiteOptions): Record<string, unknown> {
    const { env, ...rest } = { ...(workerOptions as Record<string, unknown> | undefined) };
    if (user === undefined && rest['uid'] === undefined) return {};
    return {
      workerOptions: { ...rest, env: { [MARK_VARIABLE]: this.mark, ...(env as object | undefined) } },
    };
  }
}

/** A process that is just being started has no mark for a moment, ms. */
const EMPTY_MS = 2000;

/** The times are short where no test is the better for waiting, and cut nobody off on a slow machine. */
const SITE_DEFAULTS = { cpuLen: 1, drainTimeout: '10s', stopTimeout: '2s', settleTime: '100ms' };

/** The compiled file of a site: of the kit by its name, or beside the module whose `import.meta.url` is given. */
export function siteFile(name: string, base: string = import.meta.url): string {
  return fileURLToPath(new URL(`./${name}.site.js`, base));
}

/** Whether a test has passed so far; where Node does not tell, it has. */
export function passed(t: TestContext): boolean {
  return Reflect.get(t, 'passed') !== false;
}

/** Its workers that are ready. */
export function readyWorkers({ workers }: SiteStatus): LiveWorker[] {
  return workers.flatMap((worker) =>
    worker.state === 'ready' && worker.pid !== undefined ? [{ ...worker, pid: worker.pid }] : [],
  );
}

/** The port of the one listener of this type. */
export function portOf({ listeners }: AnyStatus, type: 'tcp' | 'ssl' = 'tcp'): number {
  const found = listeners.find((listener) => listener.type === type);
  if (found === undefined) throw new Error(`no listener of type ${type}`);
  return found.port;
}

/** A status, or a part of one, without what changes by itself: age and memory. */
export function settled<T>(status: T): T {
  const changing = ['uptimeMs', 'memoryBytes', 'cpuMs', 'cpuShare', 'requestsPerSecond', 'requests'];
  return JSON.parse(
    JSON.stringify(status, (key, value: unknown) => (changing.includes(key) ? undefined : value)),
  ) as T;
}

/** The pids of all workers, in order. */
export function workerPids({ sites }: AnyStatus): number[] {
  return sites.flatMap(({ workers }) => workers.flatMap(({ pid }) => pid ?? [])).toSorted((a, b) => a - b);
}

/** Whether every site serves, with all the workers that it has. */
export function serves({ sites }: AnyStatus): boolean {
  return (
    sites.length > 0 &&
    sites.every((site) => isServing(site) && readyWorkers(site).length === site.workers.length)
  );
}

function isServing({ state }: SiteStatus): boolean {
  return state === 'running' || state === 'idle' || state === 'frozen';
}

const OUTPUT_MAX_CHARS = 20_000;

// A master without a daemon, as a child of the test: one process less, and the test can ask it for whatever its code
// can do.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type {
  MaintenanceOptions,
  MaintenanceResult,
  MasterStatus,
  PauseOptions,
  PauseResult,
  ReloadResult,
  ResumeResult,
} from '@vhostd/protocol';
import { Orders } from './orders.js';
import { isAlive, MARK_VARIABLE } from './processes.js';
import { within } from './until.js';
import { Vhostd } from './vhostd.js';
import type { ConfOptions, SiteOptions } from './vhostd.js';

/** How a lone master is started. */
export interface LoneMasterOptions {
  sites: readonly SiteOptions[];
  conf?: ConfOptions;
  env?: Record<string, string>;
  /** A module that the master's process loads; its `commands` can be called by {@link LoneMaster.ask}. */
  commands?: URL;
  /** Fills the directory before anything is started. */
  prepare?: (dir: string) => void;
}

export class LoneMaster extends Vhostd<MasterStatus> {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #orders: Orders;
  readonly #exited: Promise<unknown>;

  constructor({ sites, conf, env, commands, prepare }: LoneMasterOptions) {
    super(sites, { log: { level: 'warn' }, ...conf });
    prepare?.(this.dir);
    const log = openSync(this.outputFile, 'a');
    const file = fileURLToPath(new URL('./master.child.js', import.meta.url));
    this.#child = fork(file, ['--config', this.confFile], {
      stdio: ['ignore', log, log, 'ipc'],
      cwd: this.dir,
      // Some look into the master's classes, which the bundle does not show.
      execArgv: [YOUNG_GENERATION, ...(commands === undefined ? [] : ['--conditions=vhostd-modules'])],
      env: {
        ...process.env,
        ...env,
        [MARK_VARIABLE]: this.mark,
        ...(commands === undefined ? {} : { MASTER_COMMANDS: commands.href }),
      },
    });
    closeSync(log);
    this.pid = this.#child.pid ?? 0;
    this.#exited = once(this.#child, 'exit');
    this.#orders = new Orders(this.#child);
  }

  /** Resolves once every site is published; rejects if one can't be. */
  async published(): Promise<void> {
    const { failures } = (await within('the master is ready', START_LIMIT_MS, this.ask('served'))) as {
      failures: unknown[];
    };
    if (failures.length > 0) throw new Error(`sites failed: ${JSON.stringify(failures)}\n${this.output}`);
  }

  /** What the master has reported by itself. */
  get events(): readonly { event: string; data: unknown }[] {
    return this.#orders.events;
  }

  get alive(): boolean {
    return isAlive(this.pid);
  }

  /** Lets the master's process do something; rejects with the error that it had. */
  async ask(command: string, params: unknown = null): Promise<unknown> {
    return await this.#orders.give(command, params);
  }

  async status(): Promise<MasterStatus> {
    return (await this.ask('status')) as MasterStatus;
  }

  async reload(siteId?: string): Promise<ReloadResult> {
    return (await this.ask('reload', siteId)) as ReloadResult;
  }

  async pause(siteId: string, options?: PauseOptions): Promise<PauseResult> {
    return (await this.ask('pause', { siteId, options })) as PauseResult;
  }

  async resume(siteId: string): Promise<ResumeResult> {
    return (await this.ask('resume', siteId)) as ResumeResult;
  }

  /** @param options null: no longer. */
  async maintenance(siteId: string, options: MaintenanceOptions | null = {}): Promise<MaintenanceResult> {
    return (await this.ask('maintenance', { siteId, options })) as MaintenanceResult;
  }

  /** Calls a handler of the first ready worker of a site. */
  async callSite(siteId: string, name: string, params: unknown = null, timeoutMs = 60_000): Promise<unknown> {
    const [worker] = await this.workers(siteId);
    return await this.ask('callWorker', { to: worker?.workerId ?? '', name, params, timeoutMs });
  }

  protected async end(): Promise<void> {
    // It ends at once, with its workers.
    this.#orders.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
/** As a daemon starts its master. */
const YOUNG_GENERATION = '--max-semi-space-size=8';

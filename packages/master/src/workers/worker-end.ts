// How a process of a worker has ended: as it was asked to or not, and why, in the words of log and status. Pure.
import { constants } from 'node:os';
import { toWireError, VhostError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';
import { isNormalEnd } from '@vhostd/supervisor';
import type { ChildReason } from '@vhostd/supervisor';
import { formatSize } from '../conf/quantity.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { SpawnedWorker } from './spawned-worker.js';
import { stopSignalOf } from './worker-limits.js';
import type { WorkerRun } from './worker-run.js';

/** What is known of the process. */
export interface EndedProcess {
  readonly workerId: string;
  readonly conf: Pick<SiteConf, 'autorestart' | 'interpreter' | 'limits' | 'server' | 'stopSignal'>;
  readonly run: Pick<WorkerRun, 'failure' | 'overdue'>;
  /** Undefined where there has never been one. */
  readonly process: Pick<SpawnedWorker, 'lastWords' | 'oomKilled'> | undefined;
}

export class WorkerEnd {
  readonly #reason: ChildReason;
  readonly #of: EndedProcess;

  constructor(reason: ChildReason, of: EndedProcess) {
    this.#reason = reason;
    this.#of = of;
  }

  /** How it ended, and the kernel's part in that. */
  get message(): string {
    const { message, what } = this.#reason;
    const { process, conf } = this.#of;
    if (what === 'spawn-failed' || process?.oomKilled !== true) return message;
    const memory = conf.limits?.memory;
    const limit =
      memory === undefined ? '' : `, as its site had reached limits.memory of ${formatSize(memory)}`;
    return `${message} of the kernel for want of memory${limit}`;
  }

  /** {@link message} with its own last lines: they may be all that tells the cause. */
  get explained(): string {
    const words = this.#reason.what === 'spawn-failed' ? undefined : this.#of.process?.lastWords;
    return words === undefined ? this.message : `${this.message}; it printed: ${words}`;
  }

  /** Why the worker could not be had, in its own words where it had any. */
  get failure(): WireError {
    const { workerId, run } = this.#of;
    const { error, what } = this.#reason;
    if (run.failure !== undefined) return run.failure;
    if (error instanceof VhostError) return toWireError(error);
    const code = what === 'boot-limit' ? 'ERR_WORKER_BOOT_TIMEOUT' : 'ERR_WORKER_EXITED';
    return { code, message: `worker ${workerId} ${this.explained}${this.#hint}` };
  }

  /** For the process that follows it: how this one ended, in words that name it. */
  get story(): string {
    const { workerId, run } = this.#of;
    if (this.#reason.what === 'spawn-failed') return `another one before it ${this.#reason.message}`;
    return replaced(workerId, run.failure?.message ?? this.explained);
  }

  /** Whether it ended so as one does that was told to end in time. */
  get isOrderly(): boolean {
    return isNormalEnd(this.#reason) || this.#obeyed;
  }

  /** A program that is not Node's, ended by the signal that it was sent; a shell says so with 128 and its number. */
  get #obeyed(): boolean {
    const { conf, run } = this.#of;
    if (conf.interpreter === undefined || run.overdue) return false;
    const { code, signal } = this.#reason;
    const sent = stopSignalOf(conf);
    return signal === sent || code === 128 + constants.signals[sent];
  }

  /** What ends by itself without a fault was to be a job, very likely. */
  get #hint(): string {
    const { conf } = this.#of;
    return conf.server || !conf.autorestart || !isNormalEnd(this.#reason)
      ? ''
      : '; a site that is to end by itself is a job: "autorestart": false';
  }
}

/** The words for a process that has taken the place of another. */
export function replaced(workerId: string, why: string): string {
  return `replaced ${workerId}: ${why}`;
}

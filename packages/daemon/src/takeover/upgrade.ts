// Replaces this daemon by a new one of the code and the Node that are on disk now. Until the new one has loaded every
// site nothing changes here; whatever fails before that ends the new one and leaves all as it was.
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import type { CandidateReport, LaunchInfo, UpgradeResult } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import type { DaemonRuntime } from '../daemon-runtime.js';
import { CandidateProcess } from './candidate-process.js';
import type { CandidateWatch } from './candidate-process.js';
import { siteOutcomes } from './site-outcomes.js';

/** What to upgrade to. */
export interface UpgradeOptions {
  /** The Node binary. Default: the present one, by the path that it was started by. */
  node?: string;
  /** Told how far it is, in words. */
  onProgress?: (what: string) => void;
}

export class Upgrade {
  readonly #runtime: DaemonRuntime;
  readonly #launch: LaunchInfo;
  readonly #watch: CandidateWatch;
  readonly #aborted = new Deferred<never>();
  #isAborted = false;
  #isUrgent = false;
  /** The new daemon, once it holds the run directory: it is stopped in order then. */
  #inCharge: CandidateProcess | undefined;

  /** @param launch how this daemon's program is started. */
  constructor(runtime: DaemonRuntime, launch: LaunchInfo, watch: CandidateWatch) {
    this.#runtime = runtime;
    this.#launch = launch;
    this.#watch = watch;
    this.#aborted.promise.catch(() => undefined);
  }

  /** Backs out. A new daemon that is taking over already is stopped in order; `now`: without draining. */
  abort(now: boolean): void {
    this.#isAborted = true;
    this.#isUrgent ||= now;
    this.#inCharge?.terminate(now);
    this.#aborted.reject(new VhostError('ERR_UPGRADE_FAILED', 'the daemon is being stopped'));
  }

  /**
   * Resolves when the new daemon holds the run directory and its master accepts connections.
   * Rejects with ERR_UPGRADE_FAILED, whose message says why; all is as before then.
   */
  async run(node: string | undefined): Promise<UpgradeResult> {
    let candidate: CandidateProcess | undefined;
    try {
      const before = await this.#unlessAborted(this.#servingSites());
      candidate = this.#start(node);
      candidate.sendListeners(this.#runtime.listeners);
      const report = await this.#unlessAborted(candidate.begin());
      const now = await this.#unlessAborted(this.#servingSites());
      refuseBroken(report, new Set([...before, ...now]));
      this.#watch.onProgress('its sites are loaded; it takes over');
      await this.#yieldTo(candidate);
      if (this.#isAborted) await this.#stopInCharge(candidate);
      candidate.release();
      const { pid, version, node: nodeVersion, failed } = report;
      return { pid, version, node: nodeVersion, failed };
    } catch (error) {
      await candidate?.end();
      throw failure(error);
    }
  }

  /** Sites that serve now; none where that can't be told. */
  async #servingSites(): Promise<string[]> {
    const { sites } = await this.#runtime.status().catch(() => ({ sites: [] }));
    return siteOutcomes(sites).running;
  }

  #start(node: string | undefined): CandidateProcess {
    const binary = node === undefined ? this.#launch.argv0 : path.resolve(node);
    const launch = { ...this.#launch, execPath: binary, argv0: binary };
    const candidate = new CandidateProcess(launch, this.#runtime.guard, this.#watch);
    const { pid } = candidate;
    if (pid !== undefined) this.#watch.onProgress(`process ${pid} is started with ${binary}`);
    return candidate;
  }

  async #yieldTo(candidate: CandidateProcess): Promise<void> {
    await this.#runtime.yieldRunDir();
    try {
      await candidate.takeOver();
    } catch (error) {
      // It may have got as far as to hold the directory: only its end is sure.
      await candidate.end();
      await this.#runtime.takeBackRunDir();
      throw error;
    }
  }

  /** Too late to back out: the new daemon is in charge. */
  async #stopInCharge(candidate: CandidateProcess): Promise<never> {
    this.#inCharge = candidate;
    candidate.terminate(this.#isUrgent);
    await candidate.exited;
    return await this.#aborted.promise;
  }

  #unlessAborted<T>(step: Promise<T>): Promise<T> {
    return Promise.race([this.#aborted.promise, step]);
  }
}

/** @throws {VhostError} ERR_UPGRADE_FAILED if a site fails there that serves here. */
function refuseBroken(report: CandidateReport, serving: ReadonlySet<string>): void {
  const broken = report.failed.find(({ siteId }) => serving.has(siteId));
  if (broken === undefined) return;
  throw new VhostError('ERR_UPGRADE_FAILED', `site ${broken.siteId} fails there: ${broken.reason}`);
}

function failure(error: unknown): VhostError {
  if (error instanceof VhostError && error.code === 'ERR_UPGRADE_FAILED') return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  return new VhostError('ERR_UPGRADE_FAILED', `the new daemon failed: ${message}`, {
    cause: error,
    ...(code === undefined ? {} : { info: { code } }),
  });
}

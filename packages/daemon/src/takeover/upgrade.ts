// Replaces this daemon by a new one of the code and the Node that are on disk now. Until the new one has loaded every
// site nothing changes here; whatever fails before that ends the new one and leaves all as it was.
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import type { CandidateReport, LaunchInfo, UpgradeResult } from '@vhostd/protocol';
import { candidateReport, decode } from '@vhostd/protocol/schemas';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import { CandidateProcess } from './candidate-process.js';
import { sendListeners } from './listener-transfer.js';

/** What to upgrade to. */
export interface UpgradeOptions {
  /** The Node binary. Default: the present one, by the path that it was started by. */
  node?: string;
  /** Told how far it is, in words. */
  onProgress?: (what: string) => void;
}

/** What an upgrade needs of the daemon that it replaces. */
export interface UpgradeHost {
  readonly launch: LaunchInfo;
  readonly listeners: BoundListeners;
  readonly heartbeat: { intervalMs: number; limitMs: number };
  /** The sites that serve now; empty where that can't be told. */
  runningSites(): Promise<string[]>;
  /** Lets go of the run directory. */
  release(): Promise<void>;
  /** Takes it again. Rejects when another daemon was faster. */
  takeBack(): Promise<void>;
  onProgress(what: string): void;
}

export class Upgrade {
  readonly #host: UpgradeHost;
  #isAborted = false;
  /** The new daemon, once it holds the run directory: it is stopped in order then. */
  #taker: CandidateProcess | undefined;
  #isUrgent = false;
  #abort: (error: Error) => void = () => undefined;
  readonly #aborted: Promise<never>;

  constructor(host: UpgradeHost) {
    this.#host = host;
    this.#aborted = new Promise((_resolve, reject) => {
      this.#abort = reject;
    });
    this.#aborted.catch(() => undefined);
  }

  /** Backs out. A new daemon that is taking over already is stopped in order; `now`: without draining. */
  abort(now: boolean): void {
    this.#isAborted = true;
    this.#isUrgent ||= now;
    this.#taker?.terminate(now);
    this.#abort(new VhostError('ERR_UPGRADE_FAILED', 'the daemon is being stopped'));
  }

  /**
   * Resolves when the new daemon holds the run directory and its master accepts connections.
   * Rejects with ERR_UPGRADE_FAILED, whose message says why; all is as before then.
   */
  async run(node: string | undefined): Promise<UpgradeResult> {
    const { launch, listeners, heartbeat } = this.#host;
    const binary = node === undefined ? launch.argv0 : path.resolve(node);
    const onProgress = (what: string): void => this.#host.onProgress(what);
    let candidate: CandidateProcess | undefined;
    try {
      const before = await Promise.race([this.#aborted, this.#host.runningSites()]);
      candidate = new CandidateProcess(
        { ...launch, execPath: binary, argv0: binary },
        { heartbeat, onProgress },
      );
      if (candidate.pid !== undefined) onProgress(`process ${candidate.pid} is started with ${binary}`);
      sendListeners(candidate.peer, listeners);
      const report = await Promise.race([this.#tryOut(candidate), this.#aborted]);
      const now = await Promise.race([this.#aborted, this.#host.runningSites()]);
      const serving = new Set([...before, ...now]);
      const broken = report.failed.find(({ siteId }) => serving.has(siteId));
      if (broken !== undefined) {
        throw new VhostError('ERR_UPGRADE_FAILED', `site ${broken.siteId} fails there: ${broken.reason}`);
      }
      onProgress('its sites are loaded; it takes over');
      await this.#handOverRunDir(candidate);
      if (this.#isAborted) {
        this.#taker = candidate;
        candidate.terminate(this.#isUrgent);
        await candidate.exited;
        await this.#aborted;
      }
      candidate.release();
      const { pid, version, node: nodeVersion, failed } = report;
      return { pid, version, node: nodeVersion, failed };
    } catch (error) {
      await candidate?.end();
      throw failure(error);
    }
  }

  async #tryOut(candidate: CandidateProcess): Promise<CandidateReport> {
    await candidate.alive(this.#host.launch.bootTimeoutMs);
    return decode(candidateReport, await candidate.ask('begin', LOAD_LIMIT_MS), 'begin');
  }

  async #handOverRunDir(candidate: CandidateProcess): Promise<void> {
    await this.#host.release();
    try {
      await candidate.ask('takeOver', TAKE_LIMIT_MS);
    } catch (error) {
      // It may have got as far as to hold the directory: only its end is sure.
      await candidate.end();
      await this.#host.takeBack();
      throw error;
    }
  }
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

/** Each site boots within its own limit; this one holds for all of them. */
const LOAD_LIMIT_MS = 3_600_000;
/** From the release of the run directory to the new daemon's hold on it, ms. */
const TAKE_LIMIT_MS = 30_000;

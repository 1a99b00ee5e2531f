// What a master tells its daemon by itself: its workers, in case they outlive it, and that its sites are loaded.
import type { ForkedWorker } from '@vhostd/protocol';
import type { MasterEvents, SiteFailure } from '../events.js';
import type { DaemonSide } from './daemon-side.js';

export class DaemonReports {
  readonly #daemon: DaemonSide | undefined;
  /** Processes that have not ended, by their pid. */
  readonly #workers = new Map<number, ForkedWorker>();

  /** Without a daemon there is nobody to tell. */
  constructor(daemon: DaemonSide | undefined) {
    this.#daemon = daemon;
  }

  subscribe(events: MasterEvents): void {
    events.on('worker.spawned', ({ workerPid: pid, leaveLimitMs: limitMs, stopSignal }) => {
      if (pid === undefined) return;
      const worker = { pid, limitMs, ...(stopSignal === undefined ? {} : { stopSignal }) };
      this.#workers.set(pid, worker);
      this.#daemon?.peer?.notify('workerForked', worker);
    });
    events.on('worker.exited', ({ workerPid: pid }) => {
      if (pid === undefined || !this.#workers.delete(pid)) return;
      this.#daemon?.peer?.notify('workerEnded', { pid });
    });
    events.on('sites.loaded', ({ failures }) => this.tellLoaded(failures));
  }

  /** Every site has been published, or has failed. Said again to a daemon that takes the place of another. */
  tellLoaded(failures: readonly SiteFailure[]): void {
    this.#daemon?.peer?.notify('loaded', { failures: [...failures] });
  }

  /** Every process that has not ended. */
  workers(): ForkedWorker[] {
    return [...this.#workers.values()];
  }
}

// What a master tells its daemon by itself: its workers, in case they outlive it, and that its sites are loaded.
import type { MasterEvents, SiteFailure } from '../events.js';
import type { DaemonSide } from './daemon-side.js';

export class DaemonReports {
  readonly #daemon: DaemonSide | undefined;
  /** Processes that have not ended, and how long each may take to leave, ms. */
  readonly #workers = new Map<number, number>();

  /** Without a daemon there is nobody to tell. */
  constructor(daemon: DaemonSide | undefined) {
    this.#daemon = daemon;
  }

  subscribe(events: MasterEvents): void {
    events.on('worker.spawned', ({ workerPid: pid, leaveLimitMs: limitMs }) => {
      if (pid === undefined) return;
      this.#workers.set(pid, limitMs);
      this.#daemon?.peer?.notify('workerForked', { pid, limitMs });
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
  workers(): { pid: number; limitMs: number }[] {
    return Array.from(this.#workers, ([pid, limitMs]) => ({ pid, limitMs }));
  }
}

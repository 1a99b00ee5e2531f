// Workers whose master is gone: they finish and leave by themselves, or are told to; one that has not within its limit is
// killed.
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, signalGroup, signalIdentity } from '@vhostd/supervisor';
import type { KnownWorker } from './master-workers.js';

interface OrphanedWorker extends KnownWorker {
  timer: NodeJS.Timeout;
  /** Monotonic; undefined until it is killed. */
  killedAtMs?: number;
}

export class OrphanedWorkers {
  readonly #left = new Set<OrphanedWorker>();
  readonly #onKill: (pid: number, error: unknown) => void;

  /** `onKill`: one has outlived its limit; with the error if it could not be killed. */
  constructor(onKill: (pid: number, error: unknown) => void) {
    this.#onKill = onKill;
  }

  /** From now on these are without a master. */
  add(workers: readonly KnownWorker[]): void {
    this.#forgetGone();
    for (const worker of workers) {
      if (!isAlive(worker.identity)) continue;
      // One that stands still does not see that its master is gone.
      signalGroup(worker.identity.pid, 'SIGCONT');
      if (worker.stopSignal !== undefined) signalGroup(worker.identity.pid, worker.stopSignal);
      const limitMs = Math.min(worker.limitMs, TIMER_MAX_MS);
      const timer = setTimeout(() => this.#kill(orphan), limitMs);
      timer.unref();
      const orphan: OrphanedWorker = { ...worker, timer };
      this.#left.add(orphan);
    }
  }

  /** Resolves when all are gone; `now`: kills them. One that a kill does not end is waited for in vain only so long. */
  async end(now: boolean): Promise<void> {
    if (now) for (const orphan of this.#left) this.#kill(orphan);
    for (this.#forgetGone(); this.#left.size > 0; this.#forgetGone()) await delay(LOOK_MS);
  }

  #kill(orphan: OrphanedWorker): void {
    if (orphan.killedAtMs !== undefined) return;
    clearTimeout(orphan.timer);
    orphan.killedAtMs = performance.now();
    const { pid } = orphan.identity;
    try {
      if (signalIdentity(orphan.identity, 'SIGKILL') !== 'sent') return;
      // What it has started: it leads a group of its own.
      signalGroup(pid, 'SIGKILL');
      this.#onKill(pid, undefined);
    } catch (error) {
      this.#onKill(pid, error);
    }
  }

  #forgetGone(): void {
    const nowMs = performance.now();
    for (const orphan of this.#left) {
      const { identity, killedAtMs, timer } = orphan;
      const inVain = killedAtMs !== undefined && nowMs - killedAtMs > REAP_LIMIT_MS;
      if (!inVain && isAlive(identity)) continue;
      clearTimeout(timer);
      this.#left.delete(orphan);
    }
  }
}

/** How often to look whether they are gone, while somebody waits, ms. */
const LOOK_MS = 20;
/** How long a killed process may take to go, ms; longer only where the kernel holds it. */
const REAP_LIMIT_MS = 5_000;
/** The longest time of a timer; Node takes a longer one for 1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

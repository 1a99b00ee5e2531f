// How much a worker does in a second, by what it tells with its heartbeats.
import { workerRate } from '@vhostd/protocol';
import type { MasterEvent, WorkerRate, WorkerTotals } from '@vhostd/protocol';

export class WorkerRates {
  readonly #told = new Map<string, WorkerTotals>();
  readonly #rates = new Map<string, WorkerRate>();

  /** Takes each event. */
  take({ time, event, payload }: MasterEvent): void {
    const { workerId, requestCount, cpuMs } = payload;
    if (event === 'subscribed') {
      this.#told.clear();
      this.#rates.clear();
    }
    if (typeof workerId !== 'string') return;
    if (event === 'worker.exited') {
      this.#told.delete(workerId);
      this.#rates.delete(workerId);
    }
    if (event !== 'worker.stats' || typeof requestCount !== 'number' || typeof cpuMs !== 'number') return;
    const now = { atMs: Date.parse(time), requests: requestCount, cpuMs };
    const before = this.#told.get(workerId);
    this.#told.set(workerId, now);
    const rate = before && workerRate(before, now);
    if (rate !== undefined) this.#rates.set(workerId, rate);
  }

  /** Undefined until it has told something twice. */
  of(workerId: string): WorkerRate | undefined {
    return this.#rates.get(workerId);
  }
}

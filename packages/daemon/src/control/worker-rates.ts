// How much a worker does in a second, by what it tells with its heartbeats.
import type { MasterEvent } from '@vhostd/protocol';

/** What a worker does, each in a second. */
export interface WorkerRate {
  /** Undefined where its requests are not counted. */
  readonly requests: number | undefined;
  /** Share of one processor, 0 to about 1. */
  readonly cpu: number;
}

interface Told {
  readonly atMs: number;
  readonly requests: number;
  readonly cpuMs: number;
}

export class WorkerRates {
  readonly #told = new Map<string, Told>();
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
    if (before !== undefined && now.atMs > before.atMs) this.#rates.set(workerId, rateOf(before, now));
  }

  /** Undefined until it has told something twice. */
  of(workerId: string): WorkerRate | undefined {
    return this.#rates.get(workerId);
  }
}

function rateOf(before: Told, now: Told): WorkerRate {
  const passedMs = now.atMs - before.atMs;
  return {
    requests:
      now.requests === 0 ? undefined : (Math.max(0, now.requests - before.requests) * 1_000) / passedMs,
    cpu: Math.max(0, now.cpuMs - before.cpuMs) / passedMs,
  };
}

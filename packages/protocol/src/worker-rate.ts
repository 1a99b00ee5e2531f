// How much a worker does in a second, by what it tells of itself with two heartbeats.

/** What it has done since its process started, and when it said so. */
export interface WorkerTotals {
  readonly atMs: number;
  readonly requests: number;
  readonly cpuMs: number;
}

/** What it did between two heartbeats. */
export interface WorkerRate {
  /** In a second. */
  readonly requests: number;
  /** Share of one processor, 0 to about 1. */
  readonly cpu: number;
}

/** Undefined where no time lies between them. */
export function workerRate(before: WorkerTotals, now: WorkerTotals): WorkerRate | undefined {
  const passedMs = now.atMs - before.atMs;
  if (passedMs < PASSED_MIN_MS) return undefined;
  return {
    requests: (Math.max(0, now.requests - before.requests) * 1_000) / passedMs,
    cpu: Math.max(0, now.cpuMs - before.cpuMs) / passedMs,
  };
}

/** Two answers of a worker that was blocked come at once, and say nothing of a rate. */
const PASSED_MIN_MS = 1;

// Narrows what a worker tells of itself with its answer to a ping.
import { WORKER_REFUSAL_REASONS } from '@vhostd/protocol';
import type { AccessLogStats, LoopDelay, RefusalCounts, RequestStats, WorkerStats } from '@vhostd/protocol';

/** The stats in what arrived, or undefined where it holds none. */
export function parseWorkerStats(received: unknown): WorkerStats | undefined {
  const fields = recordOf(received);
  if (fields === undefined) return undefined;
  const { residentBytes, requestCount, cpuMs, accessLog, refused, requests, loopDelay } = fields;
  if (!isCount(residentBytes) || !isCount(requestCount) || !isAmount(cpuMs)) return undefined;
  const log = accessLog === undefined ? undefined : parseAccessLog(accessLog);
  if (accessLog !== undefined && log === undefined) return undefined;
  const counts = refused === undefined ? undefined : parseRefused(refused);
  if (refused !== undefined && counts === undefined) return undefined;
  const stats = {
    residentBytes,
    requestCount,
    cpuMs,
    ...(log === undefined ? {} : { accessLog: log }),
    ...(counts === undefined ? {} : { refused: counts }),
  };
  if (requests === undefined && loopDelay === undefined) return stats;
  const measured = { requests: parseRequests(requests), loopDelay: parseDelay(loopDelay) };
  if (measured.requests === undefined || measured.loopDelay === undefined) return undefined;
  return { ...stats, requests: measured.requests, loopDelay: measured.loopDelay };
}

function parseAccessLog(received: unknown): AccessLogStats | undefined {
  const { lostLines, fault } = recordOf(received) ?? {};
  if (!isCount(lostLines)) return undefined;
  if (fault === undefined) return { lostLines };
  return typeof fault === 'string' ? { lostLines, fault: fault.slice(0, FAULT_MAX_CHARS) } : undefined;
}

/** Of the reasons that are known. */
function parseRefused(received: unknown): RefusalCounts | undefined {
  const fields = recordOf(received);
  if (fields === undefined) return undefined;
  const counts: RefusalCounts = {};
  for (const reason of WORKER_REFUSAL_REASONS) {
    const count = fields[reason];
    if (count === undefined) continue;
    if (!isCount(count)) return undefined;
    counts[reason] = count;
  }
  return counts;
}

function parseRequests(received: unknown): RequestStats | undefined {
  const { started, answered, durations, durationMs } = recordOf(received) ?? {};
  if (!isCount(started) || !isAmount(durationMs)) return undefined;
  if (!isCounts(answered, CLASS_COUNT) || !isCounts(durations, DURATION_BOUNDS_MS.length + 1))
    return undefined;
  return { started, answered, durations, durationMs };
}

function parseDelay(received: unknown): LoopDelay | undefined {
  const { p50Ms, p99Ms, maxMs } = recordOf(received) ?? {};
  return isAmount(p50Ms) && isAmount(p99Ms) && isAmount(maxMs) ? { p50Ms, p99Ms, maxMs } : undefined;
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? { ...value } : undefined;
}

function isCounts(value: unknown, length: number): value is number[] {
  return Array.isArray(value) && value.length === length && value.every(isCount);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && isAmount(value);
}

/** Sums and quotients of such numbers are finite. */
function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/** As much as a line of a status holds. */
const FAULT_MAX_CHARS = 500;
/** Classes of status: 1xx to 5xx. */
const CLASS_COUNT = 5;
/** As workers count, ms. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
];

// Narrows what a worker tells of itself with its answer to a ping.
import type { WorkerStats } from '@vhostd/protocol';

/** The stats in what arrived, or undefined where it holds none. */
export function parseWorkerStats(received: unknown): WorkerStats | undefined {
  if (typeof received !== 'object' || received === null) return undefined;
  const { residentBytes, requestCount }: Record<string, unknown> = { ...received };
  if (!isCount(residentBytes) || !isCount(requestCount)) return undefined;
  return { residentBytes, requestCount };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

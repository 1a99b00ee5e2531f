// Whether a worker is above one of the limits that its site has for memory, age and requests; and how long it may take
// to leave.
import type { WorkerStats } from '@vhostd/protocol';
import { formatDuration } from '../conf/quantity.js';
import type { SiteConf } from '../conf/site-conf.js';

/** The limits of a site; one that is absent is none. */
export type WorkerLimits = Pick<SiteConf, 'memoryLimitBytes' | 'maxAgeMs' | 'maxRequests'>;

/** A worker process as it is now. */
export interface WorkerUse extends WorkerStats {
  readonly ageMs: number;
  /** The part of `maxAgeMs` that this worker gets, so that workers started together do not end together. */
  readonly ageShare: number;
}

/** Which limit a worker is above, in words, or undefined. */
export function limitExceeded(
  { residentBytes, requestCount, ageMs, ageShare }: WorkerUse,
  { memoryLimitBytes, maxAgeMs, maxRequests }: WorkerLimits,
): string | undefined {
  if (memoryLimitBytes !== undefined && residentBytes > memoryLimitBytes) {
    return `memory limit: ${megabytes(residentBytes)} resident, allowed are ${megabytes(memoryLimitBytes)}`;
  }
  if (maxRequests !== undefined && requestCount >= maxRequests) {
    return `request limit: ${requestCount} requests, allowed are ${maxRequests}`;
  }
  if (maxAgeMs !== undefined && ageMs >= maxAgeMs * ageShare) {
    return `age limit: it has run for ${formatDuration(Math.round(ageMs / 1000) * 1000)}, allowed are ${formatDuration(maxAgeMs)}`;
  }
  return undefined;
}

/** From being asked to leave until it is sent SIGTERM, ms. A program that is not Node's is asked by nothing else. */
export function softLimitMs(conf: SiteConf): number {
  return conf.interpreter === undefined ? conf.drainTimeoutMs + STOPPED_HOOK_MS : 0;
}

/** What tells a program that is not Node's that it is to end. */
export function stopSignalOf({ stopSignal }: Pick<SiteConf, 'stopSignal'>): 'SIGINT' | 'SIGTERM' {
  return stopSignal === 'SIGINT' ? 'SIGINT' : 'SIGTERM';
}

/** How long a worker that is to leave may take before it is killed, ms; as much where its master is gone. */
export function leaveLimitMs(conf: SiteConf): number {
  return softLimitMs(conf) + conf.stopTimeoutMs;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`;
}

/** What a worker gets on top of its drain limit to run `stopped`, ms; one that never was ready has this alone. */
export const STOPPED_HOOK_MS = 2000;

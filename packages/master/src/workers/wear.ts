// Says whether a worker is worn out: above one of the limits that its site has for memory, age and requests.
import type { Vitals } from '@vhostd/protocol';
import { formatDuration } from '../conf/quantity.js';
import type { SiteConf } from '../conf/site-conf.js';

/** The limits of a site; one that is absent is none. */
export type WearLimits = Pick<SiteConf, 'memoryLimitBytes' | 'maxAgeMs' | 'maxRequests'>;

/** A worker process as it is now. */
export interface Wear extends Vitals {
  readonly ageMs: number;
  /** The part of `maxAgeMs` that this worker gets, so that workers started together do not end together. */
  readonly ageShare: number;
}

/** Which limit a worker is above, in words, or undefined. */
export function wornOut(
  wear: Wear,
  { memoryLimitBytes, maxAgeMs, maxRequests }: WearLimits,
): string | undefined {
  const { residentBytes, requestCount, ageMs, ageShare } = wear;
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

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`;
}

// When a certificate is renewed, and when it is tried again. Pure; times are ms since 1970.
import type { CertificateFacts } from './certificate-state.js';

/** When two thirds of its lifetime are over, however long that is. */
export function renewalTime({ notBefore, notAfter }: CertificateFacts): number {
  const from = Date.parse(notBefore);
  return from + ((Date.parse(notAfter) - from) * 2) / 3;
}

/** When it is tried again after this many failures in a row: 5 s later at first, up to an hour. */
export function retryTime(failureCount: number, now: number): number {
  return now + Math.min(FIRST_RETRY_MS * 2 ** (failureCount - 1), LAST_RETRY_MS);
}

/** When the authority may look again, which has looked in vain at these times: a limit of it for each hour is kept. */
export function refusedRetryTime(refusals: readonly number[], limit: number, now: number): number {
  const recent = withinHour(refusals, now);
  const oldest = recent.at(-limit);
  if (oldest !== undefined) return oldest + HOUR_MS + FIRST_REFUSED_RETRY_MS;
  return now + FIRST_REFUSED_RETRY_MS * 2 ** Math.max(recent.length - 1, 0);
}

/** Those of the last hour. */
export function withinHour(times: readonly number[], now: number): number[] {
  return times.filter((time) => time > now - HOUR_MS);
}

/**
 * A time within the window, `random` of it, but not when little of the certificate's life is left, nor right after it was
 * issued: an authority whose windows are always over would be asked for one certificate after the other.
 */
export function windowTime(
  { start, end }: { start: number; end: number },
  { notBefore, notAfter }: CertificateFacts,
  random: number,
): number {
  const from = Date.parse(notBefore);
  const latest = from + (Date.parse(notAfter) - from) * LATEST_SHARE;
  return Math.min(Math.max(start + Math.max(end - start, 0) * random, from + EARLIEST_MS), latest);
}

const HOUR_MS = 60 * 60 * 1000;
const FIRST_REFUSED_RETRY_MS = 30_000;
const LATEST_SHARE = 0.9;
/** An hour after it was issued, with an authority that dates certificates an hour back. */
const EARLIEST_MS = 2 * HOUR_MS;
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 60 * 60 * 1000;

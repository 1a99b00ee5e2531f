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

const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 60 * 60 * 1000;

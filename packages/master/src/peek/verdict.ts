// What the first bytes of a connection say about where it belongs.

/** Statuses that a connection can be refused with before it is routed. */
export type RejectStatus = 400 | 421 | 431 | 505;

/**
 * `more`: not enough bytes yet. `route`: `host` is normalized (lower case, no port, no trailing dot, IPv6 in
 * brackets), null when none was stated. `reject`: `reason` is a short code for logs; on TLS the status is for
 * logs, too, and the answer is an alert.
 */
export type Verdict =
  | { kind: 'more' }
  | { kind: 'route'; protocol: 'http1' | 'tls' | 'http2'; host: string | null }
  | { kind: 'reject'; status: RejectStatus; reason: string };

/** The verdict that asks for the next bytes. */
export const MORE: Verdict = { kind: 'more' };

/** A refusal, by default with 400. */
export function reject(reason: string, status: RejectStatus = 400): Verdict {
  return { kind: 'reject', status, reason };
}

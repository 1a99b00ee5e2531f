// What the first bytes of a connection say about where it belongs.
import { REFUSAL_STATUSES } from './refusal-reason.js';
import type { RefusalReason, RefusalStatus } from './refusal-reason.js';

/** Bytes `from`..`to` (`to` not included, counted from the first byte of the head) that `text` takes the place of. */
export interface HeadEdit {
  readonly from: number;
  readonly to: number;
  /** latin1 text. */
  readonly text: string;
}

/** Where a connection wants to go. */
export interface Route {
  readonly kind: 'route';
  readonly protocol: 'http1' | 'tls' | 'http2';
  /**
   * Normalized: lower case, no port, no trailing dot, IPv6 in brackets. Null where the client stated none, or one
   * that no site can have.
   */
  readonly host: string | null;
  /** The path of an HTTP/1 target as it was sent, without its query; null where there is none to read. */
  readonly path: string | null;
  /** The protocols that a TLS client offers, the preferred one first; null where it offers none, or in clear. */
  readonly alpn: readonly string[] | null;
  /** What has to be changed so that the worker's parser reads the same host; null almost always. */
  readonly edit: HeadEdit | null;
}

/** A refusal. On TLS the status is for counts only: the answer is an alert. */
export interface Reject {
  readonly kind: 'reject';
  readonly status: RefusalStatus;
  readonly reason: RefusalReason;
}

/** `more`: not enough bytes yet. */
export type Verdict = { readonly kind: 'more' } | Route | Reject;

/** The verdict that asks for the next bytes. */
export const MORE: Verdict = { kind: 'more' };

/** A refusal. */
export function reject(reason: RefusalReason): Reject {
  return { kind: 'reject', status: REFUSAL_STATUSES[reason], reason };
}

/** A route; what is not given is null. */
export function route(
  protocol: Route['protocol'],
  parts: Partial<Omit<Route, 'kind' | 'protocol'>> = {},
): Route {
  const { host = null, path = null, alpn = null, edit = null } = parts;
  return { kind: 'route', protocol, host, path, alpn, edit };
}

// Why a connection is refused before a worker sees it. docs/refusals.md says what each reason means.
import { REQUEST_REFUSALS } from '@vhostd/protocol';
import type { HostFault } from '@vhostd/protocol';

/** What is wrong with the request line. */
export type LineFault =
  | 'method-unknown'
  | 'http2-preface'
  | 'target-char'
  | 'target-empty'
  | 'target-form'
  | 'target-fragment'
  | `target-${HostFault}`
  | 'version-missing'
  | 'version-invalid'
  | 'version-unsupported';

/** What is wrong with the fields, or between two of them. */
export type FieldFault =
  | 'bare-cr'
  | 'bare-lf'
  | 'obs-fold'
  | 'space-before-colon'
  | 'colon-missing'
  | 'name-empty'
  | 'name-char'
  | 'value-char'
  | 'too-many-fields'
  | 'head-too-large'
  | HostFault
  | 'host-missing'
  | 'host-duplicate'
  | 'content-length-duplicate'
  | 'content-length-invalid'
  | 'transfer-encoding-duplicate'
  | 'transfer-encoding-invalid'
  | 'transfer-encoding-not-chunked'
  | 'transfer-encoding-on-1.0'
  | 'content-length-and-transfer-encoding'
  | 'content-on-connect';

/** What is wrong with a ClientHello. */
export type HelloFault =
  | 'not-tls'
  | 'tls-record-type'
  | 'tls-record-version'
  | 'tls-record-empty'
  | 'tls-record-too-large'
  | 'hello-type'
  | 'hello-length'
  | 'hello-too-large'
  | 'hello-session-id'
  | 'hello-cipher-suites'
  | 'hello-compression'
  | 'sni-duplicate'
  | 'sni-malformed'
  | 'sni-length'
  | 'sni-nul';

/** A client that speaks what its listener does not. */
export type ProtocolFault = 'tls-on-http-port' | 'http-on-tls-port';

/** What is wrong with the header of a balancer that speaks the PROXY protocol. */
export type ProxyFault =
  | 'proxy-header-missing'
  | 'proxy-header-malformed'
  | 'proxy-header-too-long'
  | 'proxy-header-checksum'
  | 'proxy-header-cut';

/** A connection that ended, or had to end, before its head was whole. */
export type CutFault = 'head-cut' | 'head-timeout' | 'silent' | 'peek-full';

/** A connection that is understood, and that nobody serves; `address-…`: its client opens, or has open, too many. */
export type UnservedReason =
  'no-site' | 'no-worker' | 'maintenance' | 'site-stopped' | 'address-rate' | 'address-open';

export type RefusalReason =
  LineFault | FieldFault | HelloFault | ProtocolFault | ProxyFault | CutFault | UnservedReason;

/** Statuses that the master itself answers with. */
export type RefusalStatus = 400 | 408 | 421 | 431 | 503 | 505;

/**
 * The status of each reason. It is what is counted; on a TLS listener the answer is an alert, on `silent` and on a
 * balancer's fault none.
 */
export const REFUSAL_STATUSES: Readonly<Record<RefusalReason, RefusalStatus>> = {
  ...REQUEST_REFUSALS,
  'method-unknown': 400,
  'http2-preface': 400,
  'target-empty': 400,
  'version-missing': 400,
  'version-invalid': 400,
  'version-unsupported': 505,
  'bare-cr': 400,
  'bare-lf': 400,
  'obs-fold': 400,
  'space-before-colon': 400,
  'colon-missing': 400,
  'name-empty': 400,
  'name-char': 400,
  'value-char': 400,
  'head-too-large': 431,
  'host-missing': 400,
  'content-length-duplicate': 400,
  'content-length-invalid': 400,
  'transfer-encoding-invalid': 400,
  'transfer-encoding-not-chunked': 400,
  'content-length-and-transfer-encoding': 400,
  'content-on-connect': 400,
  'tls-on-http-port': 400,
  'http-on-tls-port': 400,
  'not-tls': 400,
  'tls-record-type': 400,
  'tls-record-version': 400,
  'tls-record-empty': 400,
  'tls-record-too-large': 400,
  'hello-type': 400,
  'hello-length': 400,
  'hello-too-large': 431,
  'hello-session-id': 400,
  'hello-cipher-suites': 400,
  'hello-compression': 400,
  'sni-duplicate': 400,
  'sni-malformed': 400,
  'sni-length': 400,
  'sni-nul': 400,
  'proxy-header-missing': 400,
  'proxy-header-malformed': 400,
  'proxy-header-too-long': 400,
  'proxy-header-checksum': 400,
  'proxy-header-cut': 400,
  'head-cut': 400,
  'head-timeout': 408,
  silent: 408,
  'peek-full': 408,
  'no-site': 421,
  'no-worker': 503,
  maintenance: 503,
  'site-stopped': 503,
  'address-rate': 503,
  'address-open': 503,
};

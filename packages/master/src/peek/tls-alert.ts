// The last words to a TLS client whose connection goes nowhere: what OpenSSL answers to the same fault.
import type { HelloFault, RefusalReason } from './refusal-reason.js';

/** AlertDescription of RFC 8446 6 and RFC 6066 9. */
const UNEXPECTED_MESSAGE = 10;
const RECORD_OVERFLOW = 22;
const ILLEGAL_PARAMETER = 47;
const DECODE_ERROR = 50;
const INTERNAL_ERROR = 80;
const UNRECOGNIZED_NAME = 112;

/**
 * Null: the connection is closed without a word. `hello-cipher-suites`: illegal_parameter for an empty list up to
 * OpenSSL 3.0, decode_error later.
 */
const DESCRIPTIONS: Readonly<Record<HelloFault, number | null>> = {
  'not-tls': null,
  'tls-record-type': UNEXPECTED_MESSAGE,
  'tls-record-version': null,
  'tls-record-empty': UNEXPECTED_MESSAGE,
  'tls-record-too-large': RECORD_OVERFLOW,
  'hello-type': UNEXPECTED_MESSAGE,
  'hello-length': DECODE_ERROR,
  'hello-too-large': ILLEGAL_PARAMETER,
  'hello-session-id': DECODE_ERROR,
  'hello-cipher-suites': DECODE_ERROR,
  'hello-compression': DECODE_ERROR,
  'sni-duplicate': ILLEGAL_PARAMETER,
  'sni-malformed': DECODE_ERROR,
  'sni-length': UNRECOGNIZED_NAME,
  'sni-nul': UNRECOGNIZED_NAME,
};

/** The server does not go on, though nothing is wrong with the hello. */
const UNAVAILABLE: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'no-worker',
  'maintenance',
  'site-stopped',
  'address-rate',
  'address-open',
]);

/** The alert record for a reason; null where the connection is closed without one. */
export function tlsAlert(reason: RefusalReason): Buffer | null {
  if (reason === 'no-site') return fatalAlert(UNRECOGNIZED_NAME);
  if (UNAVAILABLE.has(reason)) return fatalAlert(INTERNAL_ERROR);
  if (!isHelloFault(reason)) return null;
  const description = DESCRIPTIONS[reason];
  return description === null ? null : fatalAlert(description);
}

function isHelloFault(reason: RefusalReason): reason is HelloFault {
  return Object.hasOwn(DESCRIPTIONS, reason);
}

/** A record of type alert(21), version 0x0303 (RFC 8446 5.1), with level fatal(2) and the description. */
function fatalAlert(description: number): Buffer {
  return Buffer.from([21, 0x03, 0x03, 0, 2, 2, description]);
}

// The last words to a client of HTTP/2 in clear whose connection goes nowhere.
import { STATUS_CODES } from 'node:http';
import { Http2Code, http2Goaway } from '@vhostd/protocol';
import { REFUSAL_STATUSES } from './refusal-reason.js';
import type { RefusalReason } from './refusal-reason.js';

const CODES: Readonly<Partial<Record<RefusalReason, number>>> = {
  // A request of HTTP/1.1 says for which host it is.
  'no-site': Http2Code.http11Required,
  // Nothing is wrong with the client, nor was any stream begun: it may send them again on another connection.
  'no-worker': Http2Code.noError,
  maintenance: Http2Code.noError,
  'site-stopped': Http2Code.noError,
  'address-rate': Http2Code.enhanceYourCalm,
  'address-open': Http2Code.enhanceYourCalm,
};

/** A GOAWAY that has the reason's status as its text. */
export function http2Refusal(reason: RefusalReason): Buffer {
  const status = REFUSAL_STATUSES[reason];
  const text = `${status} ${STATUS_CODES[status] ?? ''}`;
  return http2Goaway(CODES[reason] ?? Http2Code.protocolError, text);
}

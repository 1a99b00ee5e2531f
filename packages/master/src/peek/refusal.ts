// The complete answer to a connection that no worker will see.
import { STATUS_CODES } from 'node:http';
import type { RefusalStatus } from './refusal-reason.js';

/** Options of {@link refusal}. */
export interface RefusalOptions {
  /** The bytes of the request as far as they have come, or its head as latin1 text: a HEAD gets no content. */
  request?: Buffer | string;
  /** When a client may try again, in seconds, rounded up; sent with 503 only (RFC 9110 10.2.3). Default: not stated. */
  retryAfterSeconds?: number;
  /** A page that takes the place of the line of text, and is not to be stored. */
  html?: string;
  /** The time of the Date field. Default: now. */
  date?: Date;
}

/**
 * The bytes of an HTTP/1.1 response that ends the connection (RFC 9112 9.6). Write them, half-close, and read
 * on for a moment: a close with unread bytes resets the connection and may take the response along.
 */
export function refusal(status: RefusalStatus, options: RefusalOptions = {}): Buffer {
  const text = `${status} ${STATUS_CODES[status] ?? ''}`;
  const { retryAfterSeconds, html, date = new Date() } = options;
  const body = Buffer.from(html ?? `${text}\n`);
  const head = [
    `HTTP/1.1 ${text}`,
    `Date: ${date.toUTCString()}`,
    'Connection: close',
    html === undefined ? 'Content-Type: text/plain' : 'Content-Type: text/html; charset=utf-8',
    `Content-Length: ${body.length}`,
  ];
  if (html !== undefined) head.push('Cache-Control: no-store');
  if (status === 503 && retryAfterSeconds !== undefined) {
    head.push(`Retry-After: ${Math.max(0, Math.ceil(retryAfterSeconds))}`);
  }
  const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
  // RFC 9110 9.3.2: all fields of an answer to GET, and no content.
  return asksForHead(options.request ?? '') ? bytes : Buffer.concat([bytes, body]);
}

/** Whether a request is a HEAD, empty lines in front of it aside. */
function asksForHead(request: Buffer | string): boolean {
  return /^[\r\n]*HEAD /.test(request.toString('latin1'));
}

// How an answer looks in an access log. What a client sent is written so that it cannot end a line or begin a field.
import type { IncomingHttpHeaders } from 'node:http';

/** `combined` is that of Apache and nginx; `json` is an object a line. */
export type AccessFormat = 'combined' | 'json';

export interface Answered {
  readonly address: string | undefined;
  readonly method: string;
  readonly url: string;
  readonly version: string;
  readonly headers: IncomingHttpHeaders;
  readonly host: string | undefined;
  readonly status: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/** The line, with its newline. Pure. */
export function accessLine(answered: Answered, format: AccessFormat, nowMs: number): string {
  const { method, version, headers, host, status, bytes, durationMs } = answered;
  const { referer, 'user-agent': userAgent } = headers;
  const address = withoutPrefix(answered.address);
  const url = answered.url.slice(0, URL_MAX_CHARS);
  if (format === 'json') {
    const time = new Date(nowMs).toISOString();
    const duration = Math.round(durationMs * 1000) / 1000;
    return `${JSON.stringify({ time, address, method, url, version, host, status, bytes, durationMs: duration, referer, userAgent })}\n`;
  }
  const request = `${method} ${url} HTTP/${version}`;
  return `${address ?? '-'} - - [${commonTime(nowMs)}] "${escaped(request)}" ${status} ${bytes} "${escaped(referer ?? '-')}" "${escaped(userAgent ?? '-')}"\n`;
}

/** An address of IPv4 on a socket of IPv6. */
function withoutPrefix(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') === true ? address.slice(7) : address;
}

/** As Apache and nginx do: `\xHH` for quotes, backslashes and whatever is no printable ASCII. */
function escaped(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return Array.from(Buffer.from(text), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c
      ? String.raw`\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
      : String.fromCodePoint(byte),
  ).join('');
}

/** `27/Nov/2026:12:00:00 +0000`, made once a second. */
function commonTime(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second === known.second) return known.text;
  const [day = '', month = '', year = '', time = ''] =
    new Date(nowMs).toUTCString().split(', ')[1]?.split(' ') ?? [];
  known = { second, text: `${day}/${month}/${year}:${time} +0000` };
  return known.text;
}

let known = { second: 0, text: '' };
const SPECIAL = /[^ !#-[\]-~]/;
/** A head has its own limit; this is that of a line. */
const URL_MAX_CHARS = 16_384;

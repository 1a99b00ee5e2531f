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
    const optional = (name: string, text: string | undefined): string =>
      text === undefined ? '' : `,"${name}":${quoted(text)}`;
    // By hand: JSON.stringify of the whole takes five times as long.
    return `{"time":"${isoTime(nowMs)}"${optional('address', address)},"method":${quoted(method)},"url":${quoted(url)},"version":"${version}"${optional('host', host)},"status":${status},"bytes":${bytes},"durationMs":${Math.round(durationMs * 1000) / 1000}${optional('referer', referer)}${optional('userAgent', userAgent)}}\n`;
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

function quoted(text: string): string {
  return SPECIAL.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** `27/Nov/2026:12:00:00 +0000` */
function commonTime(nowMs: number): string {
  return knownAt(nowMs).common;
}

/** `2026-11-27T12:00:00.000Z` */
function isoTime(nowMs: number): string {
  return `${knownAt(nowMs).iso}.${String(nowMs % 1000).padStart(3, '0')}Z`;
}

/** Made once a second. */
function knownAt(nowMs: number): typeof known {
  const second = Math.floor(nowMs / 1000);
  if (second === known.second) return known;
  const date = new Date(nowMs);
  const [, day = '', month = '', year = '', time = ''] = date.toUTCString().split(' ');
  known = { second, common: `${day}/${month}/${year}:${time} +0000`, iso: date.toISOString().slice(0, 19) };
  return known;
}

let known = { second: -1, common: '', iso: '' };
const SPECIAL = /[^ !#-[\]-~]/;
/** A head has its own limit; this is that of a line. */
const URL_MAX_CHARS = 16_384;

// The answer of a site in maintenance in the three ways in which a request can come: HTTP/1, HTTP/2, an upgrade.
import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { MaintenancePage } from '@vhostd/protocol';

/** A response of HTTP/1, or of HTTP/2 in the shape of one. */
export type AnyResponse = ServerResponse | Http2ServerResponse;

/** Ends a request; its connection goes on. What is left of the request's body is read and dropped by Node. */
export function answerRequest(response: AnyResponse, page: MaintenancePage): void {
  if (response.headersSent || response.destroyed) return;
  // Both take the same, but their overloads differ.
  const http1 = response as ServerResponse;
  http1.writeHead(STATUS, fieldsOf(page));
  http1.end(page.html);
}

/** Ends an HTTP/2 stream. Node resets one whose request has not been read, behind the answer. */
export function answerStream(stream: ServerHttp2Stream, isHead: boolean, page: MaintenancePage): void {
  if (stream.headersSent || stream.destroyed || stream.closed) return;
  // A client that leaves meanwhile is no error of anybody's.
  stream.on('error', () => undefined);
  stream.respond({ ':status': STATUS, ...fieldsOf(page) }, { endStream: isHead });
  if (!isHead) stream.end(page.html);
}

/** Ends a connection that was to speak another protocol from here on. */
export function answerSocket(socket: Socket, page: MaintenancePage): void {
  const fields = Object.entries({
    date: new Date().toUTCString(),
    connection: 'close',
    ...fieldsOf(page),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => socket.destroy());
  socket.setTimeout(LINGER_MS, () => socket.destroy());
  const limit = setTimeout(() => socket.destroy(), LINGER_LIMIT_MS);
  limit.unref();
  socket.once('close', () => clearTimeout(limit));
  socket.end(`HTTP/1.1 ${STATUS} ${STATUS_CODES[STATUS]}\r\n${fields.join('')}\r\n${page.html}`);
  // A close with unread bytes resets the connection and may take the answer along (RFC 9112 9.6).
  socket.resume();
}

/** In lower case, which HTTP/2 demands (RFC 9113 8.2). */
function fieldsOf({ html, retryAfterSeconds }: MaintenancePage): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(Buffer.byteLength(html)),
    'cache-control': 'no-store',
    'retry-after': String(retryAfterSeconds),
  };
}

const STATUS = 503;
/** Silence after which a client that was refused an upgrade has had its time, ms. */
const LINGER_MS = 1000;
/** How long it may go on sending, ms. */
const LINGER_LIMIT_MS = 5000;

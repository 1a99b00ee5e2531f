// The worker's answers to a request that is none of its site's, or that can be read in two ways.
import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { WORKER_REFUSALS, WorkerRefusal } from '@vhostd/protocol';

/** 400: it can be read in two ways. 421: another site's host. 431: it has more fields than are kept. */
export type RefusedStatus = (typeof WORKER_REFUSALS)[WorkerRefusal];

/** Answers a request of HTTP/1; `ends`: nothing more can be read from its connection. */
export function refuseRequest(response: ServerResponse, status: RefusedStatus, ends: boolean): void {
  if (ends) response.setHeader('Connection', 'close');
  const text = textOf(status);
  response.writeHead(status, fieldsOf(text));
  response.end(text);
}

/** Answers a stream of HTTP/2; its session lives on. */
export function refuseStream(stream: ServerHttp2Stream, status: RefusedStatus, isHead: boolean): void {
  if (stream.headersSent || stream.destroyed || stream.closed) return;
  // A client that leaves meanwhile is no error of anybody's.
  stream.on('error', () => undefined);
  const text = textOf(status);
  stream.respond({ ':status': status, ...fieldsOf(text) }, { endStream: isHead });
  if (!isHead) stream.end(text);
}

/** Answers a request whose connection has no parser any more, and ends it. */
export function refuseConnection(socket: Socket, status: RefusedStatus, isHead: boolean): void {
  const text = textOf(status);
  const fields = Object.entries({ date: new Date().toUTCString(), connection: 'close', ...fieldsOf(text) })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  socket.on('error', () => socket.destroy());
  socket.setTimeout(LINGER_MS, () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fields}\r\n${isHead ? '' : text}`);
  // A close with unread bytes resets the connection and may take the answer along (RFC 9112 9.6).
  socket.resume();
}

function textOf(status: RefusedStatus): string {
  return `${status} ${STATUS_CODES[status]}\n`;
}

/** In lower case, which HTTP/2 demands (RFC 9113 8.2). */
function fieldsOf(text: string): Record<string, string> {
  return { 'content-type': 'text/plain', 'content-length': String(text.length) };
}

/** Silence after which a refused client has had its time, ms. */
const LINGER_MS = 1000;

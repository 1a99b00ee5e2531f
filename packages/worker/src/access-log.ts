// The access log of a site: a line for each answer, written by the worker itself, with its own rights.
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { AccessLogStats } from '@vhostd/protocol';
import { accessLine } from './access-line.js';
import type { AccessFormat, Answered } from './access-line.js';
import { AccessFile } from './access-file.js';

/** Where it goes, and how a line looks. */
export interface AccessLogOptions {
  /** Absolute. */
  readonly file: string;
  readonly format: AccessFormat;
}

export class AccessLog {
  readonly #file: AccessFile;
  readonly #format: AccessFormat;
  /** What a connection had sent when its last answer ended. */
  readonly #sentBytes = new WeakMap<Socket, number>();
  #server: Server | undefined;

  constructor({ file, format }: AccessLogOptions) {
    this.#file = new AccessFile(file);
    this.#format = format;
  }

  /** How it gets on with its file. */
  get stats(): AccessLogStats {
    return this.#file.stats;
  }

  /** Begins to note the answers of a server, which may be of any kind, in place of the one before. */
  watch(server: Server): void {
    const first = this.#server === undefined;
    this.#server = server;
    // https://nodejs.org/api/diagnostics_channel.html#http: published with each request of HTTP/1.
    if (first) subscribe('http.server.request.start', (message) => this.#onRequest(message as RequestStart));
    server.on('session', (session: ServerHttp2Session) => {
      session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
        this.#onStream(stream, headers, session.socket?.remoteAddress),
      );
    });
  }

  #onRequest({ request, response, server, socket }: RequestStart): void {
    if (server !== this.#server) return;
    const startMs = performance.now();
    // An address that has ended is not known any more.
    const address = socket.remoteAddress;
    // It comes once; `once` itself costs more than the line.
    response.on('close', () => {
      const { method = '', url = '', httpVersion, headers } = request;
      this.#note({
        address,
        method,
        url,
        version: httpVersion,
        headers,
        host: headers.host,
        // 499: the client went before there was an answer, as nginx says it.
        status: response.headersSent ? response.statusCode : 499,
        bytes: this.#bodyBytes(socket, response),
        durationMs: performance.now() - startMs,
      });
    });
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, address: string | undefined): void {
    const startMs = performance.now();
    stream.once('close', () => {
      const status = Number(stream.sentHeaders?.[':status'] ?? 499);
      this.#note({
        address,
        method: headers[':method'] ?? '',
        url: headers[':path'] ?? '',
        version: '2.0',
        headers,
        host: headers[':authority'] ?? headers.host,
        status,
        bytes: Number(stream.sentHeaders?.['content-length'] ?? 0),
        durationMs: performance.now() - startMs,
      });
    });
  }

  #note(answered: Answered): void {
    this.#file.write(accessLine(answered, this.#format, Date.now()));
  }

  /** What the connection has sent since the answer before, less the head: Node's `_header`, which it sends as it is. */
  #bodyBytes(socket: Socket, response: ServerResponse): number {
    const { bytesWritten } = socket;
    const sent = bytesWritten - (this.#sentBytes.get(socket) ?? 0);
    this.#sentBytes.set(socket, bytesWritten);
    const head: unknown = Reflect.get(response, '_header');
    return Math.max(0, sent - (typeof head === 'string' ? head.length : 0));
  }
}

interface RequestStart {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: Server;
  readonly socket: Socket;
}

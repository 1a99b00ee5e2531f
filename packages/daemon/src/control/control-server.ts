// The daemon's control API: HTTP/1.1 with JSON on a Unix socket that is its owner's alone.
import { lstatSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import { ControlExchange } from './control-exchange.js';
import type { ControlHandler } from './control-exchange.js';
import { listenOnSocket } from './control-socket.js';

/** Bounds of a {@link ControlServer}. */
export interface ControlServerOptions {
  /** Longest body of a request. Default 1 048 576. */
  maxBodyBytes?: number;
  /**
   * Clients at a time; for one more the oldest leaves that has sent no whole request for half a second, else it is answered
   * ERR_CONTROL_BUSY. Default 64.
   */
  maxClientCount?: number;
  /** Requests at work at a time, over all clients; one more is answered ERR_CONTROL_BUSY. Default 256. */
  maxRequestCount?: number;
  /** How long a client may take to send a request, or the next one, ms. Default 10 000. */
  requestTimeoutMs?: number;
}

/**
 * Answers requests by one handler. What a client sends can neither crash the process nor grow without bound: a request
 * that is malformed, too large or too slow is answered with its HTTP status and the connection is closed.
 */
export class ControlServer {
  readonly #handler: ControlHandler;
  readonly #options: Required<ControlServerOptions>;
  /** In the order in which they came. */
  readonly #sockets = new Map<Socket, Client>();
  readonly #exchanges = new Set<ControlExchange>();
  /** Each has a socket file, or had one that was taken away. */
  readonly #servers = new Set<http.Server>();
  #place: { path: string; inode: number } | undefined;
  #acceptCount = 0;
  /** When it was looked for room last. */
  #roomMs = -Infinity;
  #closing: Promise<void> | undefined;

  constructor(handler: ControlHandler, options: ControlServerOptions = {}) {
    this.#handler = handler;
    this.#options = {
      maxBodyBytes: 1_048_576,
      maxClientCount: 64,
      maxRequestCount: 256,
      requestTimeoutMs: 10_000,
      ...options,
    };
  }

  /**
   * Listens with mode 0600, in the place of a socket file that a killed daemon left.
   * @throws {VhostError} ERR_CONTROL_PATH, ERR_CONTROL_IN_USE, ERR_CONTROL_LISTEN.
   */
  async listen(path: string): Promise<void> {
    const server = this.#createServer();
    this.#place = { path, inode: await listenOnSocket(server, path) };
    // Without a listener an error of accept(2) would end the process.
    server.on('error', () => undefined);
    this.#servers.add(server);
  }

  /** Puts the socket file back if somebody took it away. True if so. Rejects as {@link listen}. */
  async restore(): Promise<boolean> {
    const place = this.#place;
    if (place === undefined || lstatSync(place.path, { throwIfNoEntry: false })?.ino === place.inode)
      return false;
    const before = [...this.#servers];
    await this.listen(place.path);
    // Who is connected to these is still answered.
    for (const server of before) void stopListening(server).then(() => this.#servers.delete(server));
    return true;
  }

  /**
   * Removes the socket file, and accepts who has connected by then: those are answered, where the kernel would cut them
   * off.
   */
  async conceal(): Promise<void> {
    const place = this.#place;
    if (place === undefined) return;
    this.#place = undefined;
    if (lstatSync(place.path, { throwIfNoEntry: false })?.ino === place.inode)
      rmSync(place.path, { force: true });
    // The loop accepts one a turn; the first turn may end before it has looked for any.
    for (let idle = 0, seen = this.#acceptCount; idle < 2; idle += 1) {
      await turn();
      if (this.#acceptCount !== seen) idle = 0;
      seen = this.#acceptCount;
    }
  }

  /**
   * Stops listening and removes the socket file; requests that come from now on are answered ERR_CONTROL_CLOSED, those
   * at work are answered if that takes no longer than `graceMs` (default 1000). Resolves when the last connection is
   * closed. May be called again to be done sooner.
   */
  async close({ graceMs = 1_000 }: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close();
    const cut = setTimeout(() => {
      for (const socket of this.#sockets.keys()) socket.destroy();
    }, graceMs);
    await this.#closing;
    clearTimeout(cut);
  }

  async #close(): Promise<void> {
    await this.conceal();
    const closed = [...this.#servers].map(stopListening);
    for (const exchange of this.#exchanges) exchange.abort(closedError());
    // Who has connected and not asked yet may have sent its request already.
    const silent = setTimeout(() => this.#endSilent(), SILENT_LIMIT_MS);
    await Promise.all(closed);
    clearTimeout(silent);
  }

  #makeRoom(): void {
    const nowMs = performance.now();
    if (this.#sockets.size < this.#options.maxClientCount || nowMs - this.#roomMs < ROOM_EVERY_MS) return;
    this.#roomMs = nowMs;
    for (const [socket, { sinceMs, request }] of this.#sockets) {
      if (this.#sockets.size < this.#options.maxClientCount) return;
      if (request?.complete === true || nowMs - sinceMs < SILENT_MIN_MS) continue;
      this.#sockets.delete(socket);
      socket.destroy();
    }
  }

  #endSilent(): void {
    if (this.#exchanges.size === 0) for (const socket of this.#sockets.keys()) socket.destroy();
    else for (const server of this.#servers) server.closeIdleConnections();
  }

  #createServer(): http.Server {
    const { requestTimeoutMs, maxClientCount } = this.#options;
    const server = http.createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: requestTimeoutMs,
        connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs),
      },
      (request, response) => void this.#serve(request, response),
    );
    // Beyond this even the answer that there are too many is not worth a descriptor.
    server.maxConnections = 2 * maxClientCount;
    server.on('drop', () => this.#makeRoom());
    server.on('connection', (socket) => {
      this.#acceptCount += 1;
      this.#makeRoom();
      this.#sockets.set(socket, { sinceMs: performance.now(), request: undefined });
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (!socket.writable) {
        socket.destroy();
        return;
      }
      const [status, what] = CLIENT_ERRORS[error.code ?? ''] ?? [
        '400 Bad Request',
        'the request is not HTTP/1.1',
      ];
      const body = `${JSON.stringify({ code: 'ERR_CONTROL_REQUEST', message: what, info: {} })}\n`;
      socket.end(
        `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    });
    return server;
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const exchange = new ControlExchange(request, response);
    const client = this.#sockets.get(request.socket);
    if (client !== undefined) client.request = request;
    response.once('close', () => {
      if (client?.request === request)
        Object.assign(client, { sinceMs: performance.now(), request: undefined });
    });
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      response.setHeader('connection', 'close');
      return exchange.refuse(refusal);
    }
    this.#exchanges.add(exchange);
    await exchange.run(this.#handler, this.#options.maxBodyBytes);
    this.#exchanges.delete(exchange);
  }

  #refusal(): VhostError | undefined {
    const { maxClientCount, maxRequestCount } = this.#options;
    if (this.#closing !== undefined) return closedError();
    if (this.#sockets.size > maxClientCount) return busy('clients are connected', maxClientCount);
    return this.#exchanges.size >= maxRequestCount
      ? busy('requests are at work', maxRequestCount)
      : undefined;
  }
}

interface Client {
  /** When it came, or was answered last. */
  sinceMs: number;
  /** What it is being answered. */
  request: http.IncomingMessage | undefined;
}

/**
 * Resolves when the last connection is closed. By net's own `close`: http's ends connections at once of which no request
 * was read yet (from Node 26 on), also where one is on its way.
 */
async function stopListening(server: http.Server): Promise<void> {
  await new Promise<void>((resolve) => void net.Server.prototype.close.call(server, () => resolve()));
  // Ends the server's look after its connections, of which it has none any more.
  server.close(() => undefined);
}

function closedError(): VhostError {
  return new VhostError('ERR_CONTROL_CLOSED', 'this daemon takes no requests any more: ask again');
}

function busy(what: string, limit: number): VhostError {
  return new VhostError('ERR_CONTROL_BUSY', `${limit} ${what} already: ask again later`, { info: { limit } });
}

/** Who has sent no whole request by then, ms, makes room where there are too many. */
const SILENT_MIN_MS = 500;
/** So that a flood of clients costs little, ms. */
const ROOM_EVERY_MS = 20;

const CLIENT_ERRORS: Readonly<Record<string, readonly [status: string, what: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers of the request are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not arrive in time'],
};
const MAX_HEADER_BYTES = 8_192;
/** How long a client that is connected may take to ask once the server closes, ms. */
const SILENT_LIMIT_MS = 500;

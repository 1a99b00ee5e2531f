// Tells the clients of a draining server, with the next response, that their connection ends: `Connection: close`
// (RFC 9112 9.6).
import { ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import type { Socket } from 'node:net';
import type { MaintenanceGate } from '../maintenance/maintenance-gate.js';
import { responseOn } from '../node/http-connections.js';

export interface ClosingNoticeOptions {
  /** Whether a connection is to end. */
  applies: (socket: Socket) => boolean;
  /** A connection ends behind a response that has not been sent yet. */
  onMarked: (socket: Socket) => void;
  /** A response has been sent, on whatever connection. */
  onFinish: () => void;
}

export class ClosingNotice {
  readonly #applies: (socket: Socket) => boolean;
  readonly #onMarked: (socket: Socket) => void;
  readonly #onFinish: () => void;
  /** The response on each connection that says so, not sent yet. */
  readonly #marked = new WeakMap<Socket, ServerResponse>();

  constructor(server: Server, gate: MaintenanceGate, options: ClosingNoticeOptions) {
    this.#applies = options.applies;
    this.#onMarked = options.onMarked;
    this.#onFinish = options.onFinish;
    const listener = (_request: unknown, response: unknown): void => this.#onRequest(response);
    server.prependListener('request', listener);
    gate.watch(listener);
    // A listener more would change what Node does where the site has none.
    for (const event of ['checkContinue', 'checkExpectation']) {
      if (server.listenerCount(event) > 0) server.prependListener(event, listener);
    }
  }

  /** Marks the responses that are in work on these connections. */
  markAll(sockets: readonly Socket[]): void {
    for (const socket of sockets) {
      const response = responseOn(socket);
      if (response !== undefined && this.#applies(socket)) this.#mark(socket, response);
    }
  }

  #onRequest(response: unknown): void {
    // Of HTTP/2 there is nothing to say here: its connections end with GOAWAY.
    if (!(response instanceof ServerResponse)) return;
    response.once('finish', this.#onFinish);
    const { socket } = response.req;
    if (this.#applies(socket)) this.#mark(socket, response);
  }

  /** The response to a pipelined request is the last one then, and takes the mark over. */
  #mark(socket: Socket, response: ServerResponse): void {
    const before = this.#marked.get(socket);
    if (before === response || response.headersSent) return;
    if (before !== undefined && !before.headersSent) {
      before.removeHeader('Connection');
      before.shouldKeepAlive = true;
    }
    response.setHeader('Connection', 'close');
    response.shouldKeepAlive = false;
    this.#marked.set(socket, response);
    this.#onMarked(socket);
  }
}

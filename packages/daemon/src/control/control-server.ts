// The daemon's control socket: a Unix socket on which its owner's tools call methods, one JSON value a line.
import { rmSync } from 'node:fs';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import { ControlConnection } from './control-connection.js';
import type { ControlHandler } from './control-connection.js';
import { listenOnSocket } from './control-socket.js';

/** Options of {@link ControlServer}. */
export interface ControlServerOptions {
  /** Longest request line. Default 1 048 576. */
  maxLineBytes?: number;
  /** Clients at a time; one more is told ERR_CONTROL_BUSY. Default 64. */
  maxClientCount?: number;
  /** Requests that one client may have running. Default 32. */
  maxPendingCount?: number;
  /** A client without a running request is disconnected after so long, in ms. Default 60 000. */
  idleMs?: number;
  /** Requests are carried out once this has resolved, or answered with why it rejects. Default: at once. */
  ready?: () => Promise<void> | undefined;
}

/**
 * Serves `{id, method, params}` with any number of `{id, progress}` and then `{id, result}` or
 * `{id, error: {code, message, info}}`.
 *
 * What a client sends can neither crash the process nor grow without bound: a line that is no request, or too
 * long, is answered with ERR_CONTROL_REQUEST and the connection closed; a method that nobody handles gives
 * ERR_CONTROL_METHOD.
 */
export class ControlServer {
  readonly #handlers = new Map<string, ControlHandler>();
  readonly #connections = new Set<ControlConnection>();
  readonly #server: net.Server;
  readonly #options: Required<ControlServerOptions>;
  #path: string | undefined;
  #acceptCount = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ControlServerOptions = {}) {
    this.#options = {
      maxLineBytes: 1_048_576,
      maxClientCount: 64,
      maxPendingCount: 32,
      idleMs: 60_000,
      ready: () => undefined,
      ...options,
    };
    this.#server = net.createServer((socket) => this.#accept(socket));
  }

  /** Clients that are connected. */
  get clientCount(): number {
    return this.#connections.size;
  }

  /** Sets the handler of a method; a method has one. */
  handle(method: string, handler: ControlHandler): void {
    this.#handlers.set(method, handler);
  }

  /**
   * Listens with mode 0600, in the place of a socket file that a killed daemon left.
   * @throws VhostError ERR_CONTROL_PATH, ERR_CONTROL_IN_USE, ERR_CONTROL_LISTEN.
   */
  async listen(path: string): Promise<void> {
    await listenOnSocket(this.#server, path);
    this.#path = path;
    // Without a listener an error of accept(2) would end the process.
    this.#server.on('error', () => {});
  }

  /**
   * Removes the socket file, and accepts who has connected by then: {@link close} tells them so, where the kernel would
   * cut them off.
   */
  async conceal(): Promise<void> {
    if (this.#path === undefined) return;
    rmSync(this.#path, { force: true });
    this.#path = undefined;
    // The loop accepts one a turn; the first turn may end before it has looked for any.
    for (let idle = 0, seen = this.#acceptCount; idle < 2; idle += 1) {
      await turn();
      if (this.#acceptCount !== seen) idle = 0;
      seen = this.#acceptCount;
    }
  }

  /**
   * Stops listening, removes the socket file and aborts what runs; clients of which no request was read are told
   * ERR_CONTROL_CLOSED. Answers that come within `graceMs` (default 1000) are still sent, then all connections are cut.
   * Resolves when the last one is closed. May be called again to be done sooner.
   */
  async close({ graceMs = 1_000 }: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, graceMs);
    await this.#closing;
    clearTimeout(cut);
  }

  async #close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.end();
    // A server counts a connection as closed a moment before that connection says so itself.
    await Promise.all([closed, ...Array.from(this.#connections, (connection) => connection.closed)]);
  }

  #accept(socket: net.Socket): void {
    this.#acceptCount += 1;
    const connection = new ControlConnection(socket, this.#options, (method) => this.#find(method));
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
    if (this.#connections.size <= this.#options.maxClientCount) return;
    if (this.#connections.size > 2 * this.#options.maxClientCount) {
      connection.destroy();
      return;
    }
    connection.refuse(
      new VhostError('ERR_CONTROL_BUSY', `${this.#options.maxClientCount} clients are connected already`, {
        info: { limit: this.#options.maxClientCount },
      }),
    );
  }

  #find(method: string): ControlHandler {
    const handler = this.#handlers.get(method);
    if (handler !== undefined) {
      return async (params, context) => {
        await this.#options.ready();
        return await handler(params, context);
      };
    }
    const methods = [...this.#handlers.keys()].toSorted();
    throw new VhostError(
      'ERR_CONTROL_METHOD',
      `there is no method ${JSON.stringify(method.slice(0, 100))}; there are ${methods.join(', ')}`,
      {
        info: { methods },
      },
    );
  }
}

// The daemon's control socket: a Unix socket on which its owner's tools call methods, one JSON value a line.
import net from 'node:net';
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
  #closing: Promise<void> | undefined;

  constructor(options: ControlServerOptions = {}) {
    this.#options = {
      maxLineBytes: 1_048_576,
      maxClientCount: 64,
      maxPendingCount: 32,
      idleMs: 60_000,
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
    // Without a listener an error of accept(2) would end the process.
    this.#server.on('error', () => {});
  }

  /**
   * Stops listening, removes the socket file and aborts what runs; answers that come within `graceMs` (default
   * 1000) are still sent, then all connections are cut. Resolves when the last one is closed.
   */
  close({ graceMs = 1_000 }: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.end();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, graceMs);
    // A server counts a connection as closed a moment before that connection says so itself.
    await Promise.all([closed, ...Array.from(this.#connections, (connection) => connection.closed)]);
    clearTimeout(cut);
  }

  #accept(socket: net.Socket): void {
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
    if (handler !== undefined) return handler;
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

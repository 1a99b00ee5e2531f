// Ends connections in stages (RFC 9112 9.6): a connection that is closed while its client still sends is reset, and the
// reset may overtake the last response. So the way to the client is closed first, what it sends is read and thrown
// away, and the connection is closed when the client has closed it, or after a moment.
import type { Socket } from 'node:net';
import { detach } from '../node/http-connections.js';
import { socketOf } from '../node/socket-handle.js';

export class Lingering {
  readonly #onEnd: () => void;
  readonly #sockets = new Set<Socket>();

  /** `onEnd` is called whenever a connection has ended. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Connections whose last response has been sent, and that are not closed yet. */
  get count(): number {
    return this.#sockets.size;
  }

  /** Ends a connection in this way when its server does so behind a response. */
  prepare(socket: Socket): void {
    // What http.Server calls behind the last response of a connection; drain.test.ts fails if a Node does not.
    socket.destroySoon = (): void => {
      const leave = (): void => this.#begin(socket);
      if (socket.writable) socket.end();
      if (socket.writableFinished) leave();
      else socket.once('finish', leave);
    };
  }

  /** Closes all that linger. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #begin(socket: Socket): void {
    const handle = socket.readableEnded ? undefined : detach(socket);
    if (handle === undefined) return void socket.destroy();
    const rest = socketOf(handle);
    this.#sockets.add(rest);
    const limit = setTimeout(() => rest.destroy(), LONGEST_MS);
    rest.setTimeout(SILENT_MS, () => rest.destroy());
    rest.on('end', () => rest.destroy());
    rest.on('error', () => rest.destroy());
    rest.once('close', () => {
      clearTimeout(limit);
      this.#sockets.delete(rest);
      this.#onEnd();
    });
    rest.resume();
  }
}

/** How long a client may send nothing and keep its side open, ms. */
const SILENT_MS = 1000;
/** How long it may go on sending, ms. */
const LONGEST_MS = 5000;

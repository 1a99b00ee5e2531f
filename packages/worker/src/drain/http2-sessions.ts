// The HTTP/2 connections of a server, which end gracefully on their own: GOAWAY, then the streams that are open
// (RFC 9113 6.8).
import type { ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';

export class Http2Sessions {
  readonly #open = new Set<ServerHttp2Session>();
  #closing = false;

  /** Begins to watch a server, which may be of any kind. */
  constructor(server: Server) {
    server.on('session', (session: ServerHttp2Session) => {
      this.#open.add(session);
      session.once('close', () => this.#open.delete(session));
      // A client that connected before the drain gets its first answer.
      if (this.#closing) session.once('stream', () => session.close());
    });
  }

  /** Lets each end when its present streams have ended; one that begins later, with its first. */
  closeAll(): void {
    this.#closing = true;
    for (const session of this.#open) if (!session.closed) session.close();
  }
}

// Counts the requests that a site's server is given, without the server noticing: a listener for 'request' would change
// what a site finds when it looks at its own listeners.
import { subscribe } from 'node:diagnostics_channel';
import type { ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';

export class RequestCount {
  #count = 0;
  #server: Server | undefined;

  /** Requests so far: HTTP/1 without upgrades, and HTTP/2. A server that speaks neither has none. */
  get value(): number {
    return this.#count;
  }

  /** Begins to count those of a server, which may be of any kind, in place of the one before. */
  watch(server: Server): void {
    const first = this.#server === undefined;
    this.#server = server;
    // https://nodejs.org/api/diagnostics_channel.html#http: published with each request of HTTP/1.
    if (first) subscribe('http.server.request.start', (message) => this.#onRequest(message));
    server.on('session', (session: ServerHttp2Session) => {
      session.on('stream', () => {
        this.#count += 1;
      });
    });
  }

  #onRequest(message: unknown): void {
    if (serverOf(message) === this.#server) this.#count += 1;
  }
}

function serverOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'server' in message ? message.server : undefined;
}

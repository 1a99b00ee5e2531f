// The HTTP/2 connections of a server, each of which ends on its own: session-shutdown.ts.
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:net';
import { SHUTDOWN_LIMITS, shutDownSession } from './session-shutdown.js';
import type { ShutdownLimits } from './session-shutdown.js';
import { endWhenStalled } from './stalled-session.js';

export class Http2Sessions {
  /** With the open streams of each. */
  readonly #open = new Map<ServerHttp2Session, Set<ServerHttp2Stream>>();
  readonly #limits: Readonly<ShutdownLimits>;
  readonly #ending = new WeakSet<ServerHttp2Session>();
  #closing = false;

  /** Begins to watch a server, which may be of any kind. */
  constructor(server: Server, limits: Readonly<ShutdownLimits> = SHUTDOWN_LIMITS) {
    this.#limits = limits;
    server.on('session', (session: ServerHttp2Session) => this.#watch(session));
  }

  /** Lets each end when its present streams have ended; one that begins later, with its first. */
  closeAll(): void {
    this.#closing = true;
    for (const session of this.#open.keys()) this.close(session);
  }

  /** Lets one end when its present streams have ended. */
  close(session: ServerHttp2Session): void {
    const streams = this.#open.get(session);
    if (streams === undefined || this.#ending.has(session)) return;
    this.#ending.add(session);
    void shutDownSession(session, streams, this.#limits);
  }

  #watch(session: ServerHttp2Session): void {
    const streams = new Set<ServerHttp2Stream>();
    this.#open.set(session, streams);
    session.once('close', () => this.#open.delete(session));
    endWhenStalled(session);
    session.on('stream', (stream) => {
      streams.add(stream);
      stream.once('close', () => streams.delete(stream));
    });
    // A client that connected before the drain gets its first answer.
    if (this.#closing) this.#closeWithFirstStream(session);
  }

  #closeWithFirstStream(session: ServerHttp2Session): void {
    const limit = setTimeout(() => session.close(), FIRST_STREAM_MS).unref();
    session.once('close', () => clearTimeout(limit));
    session.once('stream', () => {
      clearTimeout(limit);
      this.close(session);
    });
  }
}

/** How long a session that has begun during a drain may be without a stream, ms. */
const FIRST_STREAM_MS = 5000;

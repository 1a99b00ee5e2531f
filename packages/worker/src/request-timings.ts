// How many requests a site's server answered, with which class of status, and how long that took. What it costs is
// paid with each request: no closure, no Map, no listener on HTTP/1.
import { subscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:net';
import type { RequestStats } from '@vhostd/protocol';

export class RequestTimings {
  readonly #stats: RequestStats = {
    started: 0,
    answered: [0, 0, 0, 0, 0],
    durations: Array.from({ length: BOUNDS_MS.length + 1 }, () => 0),
    durationMs: 0,
  };
  #server: Server | undefined;

  /** Since the process started. */
  get stats(): RequestStats {
    return this.#stats;
  }

  /** Begins to measure those of a server, which may be of any kind, in place of the one before. */
  watch(server: Server): void {
    const first = this.#server === undefined;
    this.#server = server;
    // https://nodejs.org/api/diagnostics_channel.html#http: with each request of HTTP/1, and each answer sent whole.
    if (first) {
      subscribe('http.server.request.start', (message) => this.#onStart(message as Exchange));
      subscribe('http.server.response.finish', (message) => this.#onFinish(message as Exchange));
    }
    server.on('session', (session: ServerHttp2Session) => {
      session.on('stream', (stream: ServerHttp2Stream) => this.#onStream(stream));
    });
  }

  #onStart({ server, response }: Exchange): void {
    if (server !== this.#server) return;
    this.#stats.started += 1;
    response[STARTED_MS] = performance.now();
  }

  #onFinish({ response }: Exchange): void {
    const startMs = response[STARTED_MS];
    if (startMs !== undefined) this.#note(response.statusCode, performance.now() - startMs);
  }

  #onStream(stream: ServerHttp2Stream): void {
    const startMs = performance.now();
    this.#stats.started += 1;
    stream.once('close', () => {
      const status = Number(stream.sentHeaders?.[':status']);
      if (stream.writableFinished) this.#note(status, performance.now() - startMs);
    });
  }

  #note(status: number, durationMs: number): void {
    const { answered, durations } = this.#stats;
    const place = Math.trunc(status / 100) - 1;
    const count = answered[place];
    if (count === undefined) return;
    answered[place] = count + 1;
    let bucket = 0;
    while (durationMs > (BOUNDS_MS[bucket] ?? Infinity)) bucket += 1;
    durations[bucket] = (durations[bucket] ?? 0) + 1;
    this.#stats.durationMs += durationMs;
  }
}

interface Exchange {
  readonly response: ServerResponse & { [STARTED_MS]?: number };
  readonly server: Server;
}

const STARTED_MS = Symbol('vhostd.startedMs');
/** Upper bounds of the durations that are counted together, ms; longer ones are counted behind the last. */
const BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

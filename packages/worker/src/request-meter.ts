// What a site's server does, without the server noticing: how many requests it is given and, where that is measured, how
// many it answered, with which class of status, and how long that took. A listener for 'request' would change what a
// site finds when it looks at its own listeners. What it costs is paid with each request: no closure, no Map, and all
// but a few nanoseconds of it are the two looks at the clock.
import { subscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:net';
import type { RequestStats } from '@vhostd/protocol';
import { hiddenField } from './node/hidden-field.js';

// The global of this name is behind a getter, which costs 5 ns a look.
const { performance } = globalThis;

export class RequestMeter {
  readonly #stats: RequestStats = {
    started: 0,
    answered: [0, 0, 0, 0, 0],
    durations: Array.from({ length: BOUNDS_MS.length + 1 }, () => 0),
    durationMs: 0,
  };
  readonly #measures: boolean;
  #server: Server | undefined;

  /** `measures`: not only how many there are. */
  constructor(measures: boolean) {
    this.#measures = measures;
  }

  /** Requests since the process started: HTTP/1 without upgrades, and HTTP/2. A server that speaks neither has none. */
  get count(): number {
    return this.#stats.started;
  }

  /** Since the process started; undefined where only their number is known. */
  get stats(): RequestStats | undefined {
    return this.#measures ? this.#stats : undefined;
  }

  /** Begins to look at those of a server, which may be of any kind, in place of the one before. */
  watch(server: Server): void {
    if (this.#server === undefined) this.#subscribe();
    this.#server = server;
    server.on('session', (session: ServerHttp2Session) => {
      session.on('stream', (stream: ServerHttp2Stream) => this.#onStream(stream));
    });
  }

  /** https://nodejs.org/api/diagnostics_channel.html#http: told with each request of HTTP/1, and each answer sent whole. */
  #subscribe(): void {
    if (!this.#measures) {
      subscribe('http.server.request.start', (message) => this.#onCounted(message as Exchange));
      return;
    }
    subscribe('http.server.request.start', (message) => this.#onStart(message as Exchange));
    subscribe('http.server.response.finish', (message) => this.#onFinish(message as Exchange));
  }

  #onCounted({ server }: Exchange): void {
    if (server === this.#server) this.#stats.started += 1;
  }

  #onStart({ server, response }: Exchange): void {
    if (server !== this.#server) return;
    this.#stats.started += 1;
    STARTED_MS.set(response, performance.now());
  }

  #onFinish({ response }: Exchange): void {
    const startMs = STARTED_MS.of(response);
    if (startMs !== undefined) this.#note(response.statusCode, performance.now() - startMs);
  }

  #onStream(stream: ServerHttp2Stream): void {
    this.#stats.started += 1;
    if (!this.#measures) return;
    const startMs = performance.now();
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
  readonly response: ServerResponse;
  readonly server: Server;
}

const STARTED_MS = hiddenField<number>();
/** Upper bounds of the durations that are counted together, ms; longer ones are counted behind the last. */
const BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

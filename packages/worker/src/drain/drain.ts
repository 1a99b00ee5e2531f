// Ends a server's connections without cutting a request: what can be moved to another worker is moved, the others
// end with their next response, and at the limit whatever is left.
import type { Server as HttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { HttpConnections, isAtRest } from '../node/http-connections.js';
import type { IdleArrivals } from '../migrate/idle-arrivals.js';
import type { Migration } from '../migrate/migration.js';
import { ClosingNotice } from './closing-notice.js';
import type { Http2Sessions } from './http2-sessions.js';

/** What is drained, and how. */
export interface DrainOptions {
  server: Server;
  /** When what is left is cut, ms. */
  limitMs: number;
  /** Connections open now. */
  connectionCount(): number;
  /** Absent: nothing can be moved. */
  migration: Migration | undefined;
  arrivals: IdleArrivals;
  sessions: Http2Sessions;
}

/** What a drain came to. */
export interface DrainResult {
  /** Connections that were open at the limit. */
  cutCount: number;
}

/**
 * `moving`: idle connections go to other workers, those that cannot (TLS) are told with their next response that
 * they end, and may wait for it. `leaving`, from half of the limit on or because nobody takes connections: every
 * response says so, and idle connections are closed after a moment.
 */
type Phase = 'moving' | 'leaving' | 'ended';

export class Drain {
  /** Resolves once the server has no connection left, or at the limit. */
  readonly ended: Promise<DrainResult>;
  readonly #options: DrainOptions;
  readonly #connections: HttpConnections | undefined;
  readonly #notice: ClosingNotice;
  readonly #startMs: number = performance.now();
  readonly #sweep: NodeJS.Timeout;
  #phase: Phase;
  #leavingSinceMs = 0;
  #lastSweepMs = 0;
  #scheduled = false;
  #idleSinceMs = new Map<Socket, number>();
  #resolve: (result: DrainResult) => void = () => undefined;

  /** Begins: what is idle has been handed over, or closed in `leaving`, when this returns or soon after. */
  constructor(options: DrainOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#connections = HttpConnections.of(options.server);
    this.#phase = 'moving';
    this.#notice = new ClosingNotice(
      options.server,
      (socket) => this.#phase !== 'moving' || options.migration?.canMove(socket) !== true,
      () => this.#soon(),
    );
    options.sessions.closeAll();
    this.#sweep = setInterval(() => this.#tick(), SWEEP_MS);
    if (options.migration === undefined) this.leave();
    else this.#notice.markAll(this.#connections?.all() ?? []);
    this.#tick();
  }

  /** Nobody takes connections any more. */
  leave(): void {
    if (this.#phase !== 'moving') return;
    this.#phase = 'leaving';
    this.#leavingSinceMs = performance.now();
    this.#notice.markAll(this.#connections?.all() ?? []);
  }

  /** Behind the response that has just been sent: its connection may be idle for this moment only. */
  #soon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (performance.now() - this.#lastSweepMs >= SWEEP_MIN_MS) this.#tick();
    });
  }

  #tick(): void {
    const { migration, limitMs } = this.#options;
    const nowMs = performance.now();
    if (this.#phase === 'ended') return;
    if (this.#phase === 'moving' && nowMs - this.#startMs >= limitMs / 2) this.leave();
    if (this.#phase === 'moving') migration?.move();
    else this.#closeIdle(nowMs);
    this.#lastSweepMs = performance.now();
    const left = this.#options.connectionCount() + (migration?.pendingCount ?? 0);
    if (left === 0 || nowMs - this.#startMs >= limitMs) this.#end(left);
  }

  /** Closes what has been idle for a moment: a client in the middle of a conversation is not cut off. */
  #closeIdle(nowMs: number): void {
    const momentMs = Math.min(MOMENT_MS, this.#options.limitMs / 4);
    if (this.#connections === undefined) {
      const server = this.#options.server as Partial<HttpServer>;
      if (nowMs - this.#leavingSinceMs >= momentMs) server.closeIdleConnections?.();
      return;
    }
    const before = this.#idleSinceMs;
    this.#idleSinceMs = new Map();
    for (const socket of new Set([...this.#connections.idle(), ...this.#options.arrivals.unread()])) {
      if (!isAtRest(socket)) continue;
      const sinceMs = before.get(socket) ?? nowMs;
      if (nowMs - sinceMs >= momentMs) socket.end(() => socket.destroy());
      else this.#idleSinceMs.set(socket, sinceMs);
    }
  }

  #end(left: number): void {
    this.#phase = 'ended';
    clearInterval(this.#sweep);
    const { server } = this.#options;
    const resolve = (): void => this.#resolve({ cutCount: left });
    if (left === 0 && server.listening) return void server.close(resolve);
    if (server.listening) server.close();
    (server as Partial<HttpServer>).closeAllConnections?.();
    resolve();
  }
}

/** How often it is looked what is idle, ms. */
const SWEEP_MS = 10;
/** The least time between two looks, ms. */
const SWEEP_MIN_MS = 1;
/** How long a connection must be without a request before it is closed, ms; less where the limit is short. */
const MOMENT_MS = 1000;

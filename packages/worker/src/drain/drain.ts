// Ends a server's connections without cutting a request: what can be moved to another worker is moved, the others
// end with their next response, and at the limit whatever is left.
import type { Server as HttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { HttpConnections, isAtRest } from '../node/http-connections.js';
import type { Migration } from '../rehome/migration.js';
import type { HandBacks } from '../rehome/hand-backs.js';
import type { Handshakes } from '../tls/handshakes.js';
import { ClosingNotice } from './closing-notice.js';
import { Lingering } from './lingering.js';
import type { MaintenanceGate } from '../maintenance/maintenance-gate.js';
import { UnfinishedHeads } from './unfinished-heads.js';
import type { WebSockets } from './web-sockets.js';
import type { Http2Sessions } from './http2-sessions.js';

/** What is drained, and how. */
export interface DrainOptions {
  server: Server;
  /** When what is left is cut, ms. */
  limitMs: number;
  /** Connections open now. */
  connectionCount(): number;
  /** Whether other workers take over: then clients have time to hear of it. */
  handBack: boolean;
  /** Absent: nothing can be moved. */
  migration: Migration | undefined;
  /** Connections that have left the server, to move or with another site's request, and that nobody else has yet. */
  handBacks?: Pick<HandBacks, 'pendingCount'>;
  /** Absent: its clients do not speak TLS. */
  handshakes?: Handshakes | undefined;
  sessions: Http2Sessions;
  /** Absent: nobody follows them. */
  webSockets?: WebSockets | undefined;
  /** What may answer requests in place of the site. */
  gate: MaintenanceGate;
  /** Whether a connection can linger behind its last response. */
  canLinger(socket: Socket): boolean;
  /** Called right before the server is closed. */
  onEnd(): void;
  /** Whether the server is left to its app to close, which is told to end next. */
  keepsOpen?(): boolean;
}

/** What a drain came to. */
export interface DrainResult {
  /** Connections that were open at the limit. */
  cutCount: number;
}

export class Drain {
  /** Resolves once the server has no connection left, or at the limit. */
  readonly ended: Promise<DrainResult>;
  readonly #options: DrainOptions;
  readonly #connections: HttpConnections | undefined;
  readonly #notice: ClosingNotice;
  readonly #lingering = new Lingering(() => this.#soon());
  readonly #heads = new UnfinishedHeads();
  #headsLookedMs = 0;
  readonly #startMs: number = performance.now();
  readonly #sweep: NodeJS.Timeout;
  /** Other workers take over what is idle. */
  #moving: boolean;
  /** What is idle and does not move is closed. */
  #closing = false;
  #closingSinceMs = 0;
  #hasEnded = false;
  #lastSweepMs = 0;
  #scheduled = false;
  #idleSinceMs = new Map<Socket, number>();
  #resolve: (result: DrainResult) => void = () => undefined;

  /** Begins: what is idle and can be moved has left the server when this returns, or does soon after. */
  constructor(options: DrainOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#connections = HttpConnections.of(options.server);
    this.#moving = options.handBack;
    this.#notice = new ClosingNotice(options.server, options.gate, {
      applies: (socket) => !this.#moves(socket),
      onMarked: (socket) => {
        if (options.canLinger(socket)) this.#lingering.prepare(socket);
      },
      onFinish: () => this.#soon(),
    });
    this.#notice.markAll(this.#connections?.all() ?? []);
    options.sessions.closeAll();
    options.webSockets?.closeAll(options.limitMs);
    this.#sweep = setInterval(() => this.#tick(), SWEEP_MS);
    if (!this.#moving) this.#closeSoon();
    this.#tick();
  }

  /** Nobody takes connections any more: every client is told with its next response that its connection ends. */
  leave(): void {
    if (!this.#moving) return;
    this.#moving = false;
    this.#closeSoon();
    this.#notice.markAll(this.#connections?.all() ?? []);
  }

  #moves(socket: Socket): boolean {
    return this.#moving && this.#options.migration?.canMove(socket) === true;
  }

  #closeSoon(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#closingSinceMs = performance.now();
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
    const { migration, handBacks, limitMs } = this.#options;
    const nowMs = performance.now();
    if (this.#hasEnded) return;
    // Until then clients whose connections can't move may hear of the end with a response.
    if (nowMs - this.#startMs >= limitMs / 2) this.#closeSoon();
    this.#options.handshakes?.endSilent(Math.min(SILENT_MS, limitMs / 4), nowMs);
    this.#endHeads(nowMs);
    if (this.#moving) migration?.move();
    if (this.#closing) this.#closeIdle(nowMs);
    this.#lastSweepMs = performance.now();
    const left = this.#options.connectionCount() + (handBacks?.pendingCount ?? 0);
    const done = left === 0 && this.#lingering.count === 0;
    if (done || nowMs - this.#startMs >= limitMs) this.#end(left);
  }

  #endHeads(nowMs: number): void {
    if (this.#connections === undefined || nowMs - this.#headsLookedMs < HEADS_LOOK_MS) return;
    this.#headsLookedMs = nowMs;
    const { limitMs } = this.#options;
    this.#heads.end(
      this.#connections,
      Math.min(SILENT_MS, limitMs / 4),
      Math.min(HEAD_MS, limitMs / 2),
      nowMs,
    );
  }

  /** Closes what has been idle for a moment: a client in the middle of a conversation is not cut off. */
  #closeIdle(nowMs: number): void {
    const momentMs = Math.min(MOMENT_MS, this.#options.limitMs / 4);
    if (this.#connections === undefined) {
      const server = this.#options.server as Partial<HttpServer>;
      if (nowMs - this.#closingSinceMs >= momentMs) server.closeIdleConnections?.();
      return;
    }
    const before = this.#idleSinceMs;
    this.#idleSinceMs = new Map();
    for (const socket of [...this.#connections.idle(), ...this.#connections.unread()]) {
      if (this.#moves(socket) || !isAtRest(socket)) continue;
      const sinceMs = before.get(socket) ?? nowMs;
      if (nowMs - sinceMs >= momentMs) socket.end(() => socket.destroy());
      else this.#idleSinceMs.set(socket, sinceMs);
    }
  }

  #end(left: number): void {
    this.#hasEnded = true;
    clearInterval(this.#sweep);
    const { server } = this.#options;
    this.#lingering.cut();
    this.#options.onEnd();
    const resolve = (): void => this.#resolve({ cutCount: left });
    const closes = server.listening && this.#options.keepsOpen?.() !== true;
    if (left === 0 && closes) return void server.close(resolve);
    if (closes) server.close();
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
/** For how long nothing may come in the middle of a handshake or a head, ms: packets are lost and sent again in between. */
const SILENT_MS = 5000;
/** For how long a head may come, however slowly, ms: as long as the master waits for a first one. */
const HEAD_MS = 10_000;
/** The least time between two looks at all heads, ms. */
const HEADS_LOOK_MS = 100;

// Whether this worker has nothing to do, and what it does before it is stopped where it stands (SIGSTOP) and behind that:
// its idle connections go to the master, which has the next one of their requests.
import { subscribe } from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import type { Quiet } from '@vhostd/protocol';
import { getBuiltinModule, nativeCalls } from '@vhostd/transport';
import { HttpConnections, isAtRest } from './node/http-connections.js';
import type { Intake } from './intake/intake.js';
import type { HandBacks } from './rehome/hand-backs.js';
import type { Migration } from './rehome/migration.js';

/** What of a worker it is about. */
export interface StillnessParts {
  readonly intake: Pick<Intake, 'connectionCount' | 'reportCount'>;
  readonly handBacks: Pick<HandBacks, 'pendingCount'>;
  /** Undefined: nothing can be handed back. */
  migration(): Migration | undefined;
  server(): Server | undefined;
}

export class Stillness {
  readonly #parts: StillnessParts;
  #underWayCount = 0;
  #busyMs: number = performance.now();

  constructor(parts: StillnessParts) {
    this.#parts = parts;
    // https://nodejs.org/api/diagnostics_channel.html#http
    subscribe('http.server.request.start', () => this.note());
    subscribe('http.server.response.finish', () => this.note());
  }

  /** There is something to do at this moment. */
  note(): void {
    this.#busyMs = performance.now();
  }

  /** Something is under way until the work has settled. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#underWayCount += 1;
    try {
      return await work();
    } finally {
      this.#underWayCount -= 1;
      this.note();
    }
  }

  /** `handBack`: connections may go to the master. */
  quiet(handBack: boolean): Quiet {
    const { intake, handBacks } = this.#parts;
    const isBusy = this.#underWayCount > 0 || handBacks.pendingCount > 0;
    const isQuiet = !isBusy && intake.connectionCount() === (handBack ? this.#movable().size : 0);
    return {
      quietMs: isQuiet ? Math.floor(performance.now() - this.#busyMs) : 0,
      keepAliveMs: this.#keepAliveMs(),
    };
  }

  /**
   * Hands its idle connections back; resolves once the master has them, with how many there are still. From then on a
   * death of the master makes this process run again, however it was stopped, where system calls can be made.
   */
  async standStill(handBack: boolean): Promise<{ connectionCount: number }> {
    const { intake, handBacks } = this.#parts;
    const { setTimeout: delay } = getBuiltinModule('node:timers/promises');
    const migration = handBack ? this.#parts.migration() : undefined;
    for (let before = Infinity; migration !== undefined && intake.connectionCount() < before;) {
      before = intake.connectionCount();
      if (before === 0) break;
      migration.move();
      const deadlineMs = performance.now() + ANSWER_LIMIT_MS;
      while (handBacks.pendingCount > 0 && performance.now() < deadlineMs) await delay(LOOK_MS);
    }
    nativeCalls()?.goOnWithoutParent();
    intake.reportCount();
    return { connectionCount: intake.connectionCount() + handBacks.pendingCount };
  }

  /** Open connections that {@link Migration.move} would hand back now. */
  #movable(): Set<Socket> {
    const server = this.#parts.server();
    const migration = this.#parts.migration();
    const connections = server && HttpConnections.of(server);
    if (migration === undefined || connections === undefined) return new Set();
    const idle = [...connections.idle(), ...connections.unread()];
    return new Set(idle.filter((socket) => migration.canMove(socket) && isAtRest(socket)));
  }

  #keepAliveMs(): number {
    const server = this.#parts.server() ?? {};
    const limits = ['keepAliveTimeout', 'keepAliveTimeoutBuffer'].map((name) =>
      Number(Reflect.get(server, name)),
    );
    const [timeoutMs = 0, bufferMs = 0] = limits.map((limit) =>
      limit > 0 && Number.isFinite(limit) ? limit : 0,
    );
    return timeoutMs === 0 ? 0 : timeoutMs + bufferMs;
  }
}

/** How often to look whether the master has answered, ms. */
const LOOK_MS = 1;
/** How long its answers are waited for, ms. */
const ANSWER_LIMIT_MS = 1000;

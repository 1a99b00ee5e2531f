// Moves a draining worker's idle cleartext HTTP/1.1 connections to other workers of its site: each is handed back
// to the master between two requests, and its client notices nothing.
import type { Socket } from 'node:net';
import type { HttpConnections } from '../node/http-connections.js';
import { detach, isAtRest } from '../node/http-connections.js';
import type { HandBacks } from './hand-backs.js';
import type { IdleArrivals } from './idle-arrivals.js';
import type { NativeHandle } from '@vhostd/transport';

export interface MigrationParts {
  connections: HttpConnections;
  handBacks: Pick<HandBacks, 'open' | 'send' | 'pendingCount'>;
  arrivals: IdleArrivals;
  /** Whether a connection came from the master, in clear. */
  isPlain(socket: Socket): boolean;
  /** Puts a connection back that could not be sent. */
  readopt(handle: NativeHandle): void;
}

export class Migration {
  readonly #parts: MigrationParts;

  constructor(parts: MigrationParts) {
    this.#parts = parts;
  }

  /** Connections that have left the server and that the master has not taken yet. */
  get pendingCount(): number {
    return this.#parts.handBacks.pendingCount;
  }

  /** Whether a connection can be moved once it is idle. */
  canMove(socket: Socket): boolean {
    return this.#parts.isPlain(socket);
  }

  /** Hands back what is idle at this moment, as far as there is room on the link. */
  move(): void {
    const { connections, handBacks, arrivals } = this.#parts;
    if (!handBacks.open) return;
    for (const socket of [...connections.idle(), ...arrivals.unread()]) {
      if (!this.canMove(socket) || !isAtRest(socket)) continue;
      const handle = detach(socket);
      if (handle === undefined) continue;
      if (!handBacks.send(handle)) this.#parts.readopt(handle);
      if (!handBacks.open) return;
    }
  }
}

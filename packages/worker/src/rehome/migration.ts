// Moves a draining worker's idle cleartext HTTP/1.1 connections to other workers of its site: each is handed back
// to the master between two requests, and its client notices nothing.
import type { Socket } from 'node:net';
import type { HttpConnections } from '../node/http-connections.js';
import { detach, isAtRest } from '../node/http-connections.js';
import type { HandBacks, HandedBack } from './hand-backs.js';
import type { ConnectionHeader } from '@vhostd/transport';

export interface MigrationParts {
  connections: HttpConnections;
  handBacks: Pick<HandBacks, 'open' | 'send'>;
  /** What a connection came with from the master; undefined unless it came so, in clear. */
  headerOf(socket: Socket): ConnectionHeader | undefined;
  /** Puts a connection back that could not be sent. */
  readopt(connection: HandedBack): void;
}

export class Migration {
  readonly #parts: MigrationParts;

  constructor(parts: MigrationParts) {
    this.#parts = parts;
  }

  /** Whether a connection can be moved once it is idle. */
  canMove(socket: Socket): boolean {
    return this.#parts.headerOf(socket) !== undefined;
  }

  /** Hands back what is idle at this moment, as far as there is room on the link. */
  move(): void {
    const { connections, handBacks } = this.#parts;
    if (!handBacks.open) return;
    for (const socket of [...connections.idle(), ...connections.unread()]) {
      const header = this.#parts.headerOf(socket);
      if (header === undefined || !isAtRest(socket)) continue;
      const handle = detach(socket);
      if (handle === undefined) continue;
      const connection: HandedBack = { handle, header, bytes: '' };
      if (!handBacks.send(connection)) this.#parts.readopt(connection);
      if (!handBacks.open) return;
    }
  }
}

// The TLS connections of a server whose handshake has not ended: no server has a list of them, and nothing bounds for how
// long a client may leave one unfinished but Node's limit of 120 s.
import type { Socket } from 'node:net';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import { socketUnder } from '../node/request-heads.js';

export class Handshakes {
  readonly #begun = new Set<Socket>();
  #pruneAtCount = PRUNE_MIN_COUNT;
  /** Those in which nothing went either way when it was looked last: how much had until then, and since when. */
  #silent = new Map<Socket, { bytes: number; sinceMs: number }>();

  /** Follows those that begin with this server from now on. */
  watch(server: TlsServer): void {
    server.prependListener('connection', (socket: Socket) => this.#add(socket));
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      this.#begun.delete(socketUnder(socket) as Socket);
    });
  }

  /** Those open now. */
  get count(): number {
    this.#prune();
    return this.#begun.size;
  }

  /** Ends those in which nothing has gone either way for so long; to be called again and again. */
  endSilent(limitMs: number, nowMs: number): void {
    const before = this.#silent;
    this.#silent = new Map();
    for (const socket of this.#begun) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      const noted = before.get(socket);
      const sinceMs = noted?.bytes === bytes ? noted.sinceMs : nowMs;
      if (socket.destroyed) this.#begun.delete(socket);
      else if (nowMs - sinceMs >= limitMs) socket.destroy();
      else this.#silent.set(socket, { bytes, sinceMs });
    }
  }

  #add(socket: Socket): void {
    this.#begun.add(socket);
    if (this.#begun.size < this.#pruneAtCount) return;
    this.#prune();
    this.#pruneAtCount = Math.max(PRUNE_MIN_COUNT, this.#begun.size * 2);
  }

  /** Forgets those that failed, which costs less than to hear of the end of each. */
  #prune(): void {
    for (const socket of this.#begun) if (socket.destroyed) this.#begun.delete(socket);
  }
}

const PRUNE_MIN_COUNT = 64;

// Clients that have sent a part of a head and no more, while a server drains. Node waits a minute for the rest of it; a
// stop or a reload would wait as long. They are answered as Node answers them then.
import type { Socket } from 'node:net';
import type { HttpConnections } from '../node/http-connections.js';
import { isInHead } from '../node/http-connections.js';

/** What is known of a connection in the middle of a head. */
interface Begun {
  readonly bytes: number;
  /** When it was noticed, and since when nothing has come, ms. */
  readonly sinceMs: number;
  readonly silentSinceMs: number;
}

export class UnfinishedHeads {
  #begun = new Map<Socket, Begun>();

  /**
   * Ends those of which nothing has come for `silentMs`, or which take longer than `wholeMs` since they were noticed; to
   * be called again and again.
   */
  end(connections: HttpConnections, silentMs: number, wholeMs: number, nowMs: number): void {
    const before = this.#begun;
    this.#begun = new Map();
    const idle = new Set(connections.idle());
    for (const socket of connections.all()) {
      if (idle.has(socket) || !isInHead(socket)) continue;
      const bytes = socket.bytesRead;
      const noted = before.get(socket) ?? { bytes, sinceMs: nowMs, silentSinceMs: nowMs };
      const silentSinceMs = noted.bytes === bytes ? noted.silentSinceMs : nowMs;
      if (nowMs - silentSinceMs >= silentMs || nowMs - noted.sinceMs >= wholeMs) {
        socket.end(TOO_LATE, () => socket.destroy());
      } else this.#begun.set(socket, { bytes, sinceMs: noted.sinceMs, silentSinceMs });
    }
  }
}

/** What Node says behind `headersTimeout`. */
const TOO_LATE = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

// The listening sockets on which this worker accepts connections by itself. Their queues are shared with the site's other
// workers: what this one does not take, another one does.
import { getSystemErrorName } from 'node:util';
import { VhostError } from '@vhostd/protocol';
import type { DirectListener } from '@vhostd/protocol';
import type { ConnectionHeader, NativeHandle } from '@vhostd/transport';
import { listenRaw } from '../node/native-handle.js';

/** Takes a connection that nobody has read from, and owns its handle from then on. */
export type TakeAccepted = (handle: NativeHandle, header: ConnectionHeader) => void;

export class DirectAccept {
  readonly #take: TakeAccepted;
  readonly #sockets = new Map<string, NativeHandle>();

  constructor(take: TakeAccepted) {
    this.#take = take;
  }

  /**
   * Accepts on a socket, which is this one's from here on.
   * @throws {VhostError} ERR_LISTEN_ADDRESS.
   */
  listen({ listener, secure, backlog }: DirectListener, socket: NativeHandle): void {
    this.close(listener);
    const header: ConnectionHeader = { listener, secure, peeked: false, handedBack: false };
    const errno = listenRaw(socket, backlog, (connection) => this.#take(connection, header));
    if (errno !== 0) {
      socket.close();
      const message = `cannot accept on ${listener}: ${getSystemErrorName(errno)}`;
      throw new VhostError('ERR_LISTEN_ADDRESS', message, { info: { listener } });
    }
    this.#sockets.set(listener, socket);
  }

  /** Accepts no more on one listener; others take what waits there. */
  close(listener: string): void {
    this.#sockets.get(listener)?.close();
    this.#sockets.delete(listener);
  }

  /** Accepts no more at all. */
  closeAll(): void {
    for (const listener of this.#sockets.keys()) this.close(listener);
  }
}

// Connections that came from another worker between two requests. To this process's server they look new, yet they
// are kept-alive ones: keepAliveTimeout is what applies to them until their next request, not headersTimeout.
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { NativeHandle } from '@vhostd/transport';
import { detach, isAtRest, isUnread, onNextRequest } from '../node/http-connections.js';

/** Puts a connection back into the server, which has been idle for so long already, ms; `socket` is what it was there. */
export type Readopt = (handle: NativeHandle, idleMs: number, socket: Socket) => void;

export class IdleArrivals {
  readonly #readopt: Readopt;

  constructor(readopt: Readopt) {
    this.#readopt = readopt;
  }

  /** Takes note of a connection that the server has just been given, and that has been idle for `idleMs`. */
  add(server: HttpServer, socket: Socket, idleMs: number): void {
    const keepAliveMs = limitOf(server, 'keepAliveTimeout');
    // Node 24 waits for this much longer than it tells the client.
    if (keepAliveMs > 0) {
      socket.setTimeout(Math.max(1, keepAliveMs + limitOf(server, 'keepAliveTimeoutBuffer') - idleMs));
    }
    const timer = this.#renewBeforeTimeout(server, socket, keepAliveMs, idleMs);
    const unwatch = onNextRequest(socket, () => {
      forget();
      if (keepAliveMs > 0) socket.setTimeout(limitOf(server, 'timeout'));
    });
    const forget = (): void => {
      clearTimeout(timer);
      unwatch();
      socket.removeListener('close', forget);
    };
    socket.once('close', forget);
  }

  /**
   * Up to Node 24 a server counts headersTimeout and requestTimeout from the moment it gets a connection: an idle
   * one would be answered 408 before keepAliveTimeout ends it in silence. Given to the server anew, it starts anew.
   */
  #renewBeforeTimeout(
    server: HttpServer,
    socket: Socket,
    keepAliveMs: number,
    idleMs: number,
  ): NodeJS.Timeout | undefined {
    const limits = [limitOf(server, 'headersTimeout'), limitOf(server, 'requestTimeout')].filter(
      (limitMs) => limitMs > 0,
    );
    const renewMs = Math.min(...limits) / 2;
    if (renewMs === Infinity || (keepAliveMs > 0 && keepAliveMs - idleMs < renewMs)) return undefined;
    return setTimeout(() => {
      if (!isUnread(socket) || !isAtRest(socket)) return;
      const handle = detach(socket);
      if (handle !== undefined) this.#readopt(handle, idleMs + renewMs, socket);
    }, renewMs).unref();
  }
}

/** A limit of a server, ms; 0 when it has none. */
function limitOf(server: HttpServer, name: string): number {
  const value: unknown = Reflect.get(server, name);
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

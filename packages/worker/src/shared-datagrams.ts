// UDP sockets of the app on ports that are the same in all workers: the master keeps a socket for each such port, and
// each worker reads from it, so that what clients send is read by one of them, or waits in the kernel for the next one.
import type { Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { getBuiltinModule } from '@vhostd/transport';
import { beginBinding, endBinding, isOwn, stopReceiving } from './node/datagrams.js';
import type { Bind, BindQuery } from './node/datagrams.js';
import { ALIVE_MS, isForbidden, systemError } from './shared-ports.js';
import type { AskForPort } from './shared-ports.js';

export class SharedDatagrams {
  readonly #ask: AskForPort;
  readonly #sockets = new Set<Socket>();

  constructor(ask: AskForPort) {
    this.#ask = ask;
  }

  /**
   * Binds to a socket that all workers share, as soon as the master has sent it. What the master does not share is bound
   * in this process. False: nothing to share, and nothing was done.
   */
  bind(socket: Socket, query: BindQuery, bind: Bind): boolean {
    const { port, address = '', exclusive, fd } = query;
    if (typeof port !== 'number' || !(port >= 1 && port <= MAX_PORT) || typeof address !== 'string')
      return false;
    if (exclusive === true || fd !== undefined || isOwn(socket)) return false;
    beginBinding(socket);
    // Nothing else may keep the process until then.
    const alive = setInterval(() => undefined, ALIVE_MS);
    void this.#bind(socket, { port, address }, bind).finally(() => clearInterval(alive));
    return true;
  }

  /** Reads nothing more, which other workers do; the app may still answer. */
  stop(): void {
    for (const socket of this.#sockets) stopReceiving(socket);
  }

  async #bind(socket: Socket, place: { port: number; address: string }, bind: Bind): Promise<void> {
    const { port } = place;
    const family = familyOf(socket);
    try {
      const ipaddress = await resolve(place.address, family);
      const handle = await this.#ask({ port, ipaddress, udp: true });
      if (!endBinding(socket)) return handle?.close();
      if (handle !== undefined) {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
        bind.call(socket, handle);
        return;
      }
    } catch (error) {
      if (!endBinding(socket)) return;
      if (isForbidden(error)) {
        const message = `permission denied ${place.address}:${port} (${error.message})`;
        socket.emit('error', systemError('EACCES', 'bind', message, place));
        return;
      }
    }
    bind.call(socket, { ...place, exclusive: true });
  }
}

function familyOf(socket: Socket): 4 | 6 {
  return Reflect.get(socket, 'type') === 'udp6' ? 6 : 4;
}

async function resolve(address: string, family: 4 | 6): Promise<string> {
  if (address === '') return family === 6 ? '::' : '0.0.0.0';
  if (isIP(address) !== 0) return address;
  const { lookup } = getBuiltinModule('node:dns/promises');
  return (await lookup(address, { family })).address;
}

const MAX_PORT = 65_535;

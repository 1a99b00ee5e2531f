// One listening socket of the master: opens on a socket of the daemon's or of its own, and gives each connection to the
// listener that has the address at which it came in.
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { addressCovers, VhostError } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import type { MasterEvents } from '../events.js';
import { acceptRaw, listeningHandle, localAddressOf, narrowQueue } from '../node/raw-accept.js';
import { mostExact } from './most-exact.js';

/** Where a socket is bound. */
export interface SocketAddress {
  /** Absent: every address of the machine. */
  readonly ipaddress?: string;
  readonly port: number;
}

/** Who gets connections of a socket: a listener. */
export interface SocketUser {
  readonly key: string;
  readonly address: { readonly ipaddress?: string };
  /** Whether it gets connections that another one could have as well. */
  readonly routed: boolean;
}

export class ListenerSocket<L extends SocketUser> {
  /** Those that it serves. */
  readonly listeners: Set<L> = new Set();
  readonly address: SocketAddress;
  readonly #server: Server = createServer();
  readonly #events: MasterEvents;
  readonly #deliver: (connection: NativeHandle, listener: L) => void;
  /** A bound socket to listen on, until it is. */
  #source: NativeHandle | undefined;
  /** The same socket once more, for the time behind a pause; there is none where this process has bound it. */
  #spare: NativeHandle | undefined;
  #accepting = false;
  #acceptedCount = 0;
  #bound: { address: string; port: number } = { address: '', port: 0 };

  /** `source` is a bound socket to listen on, this one's from then on; without one the socket is bound here. */
  constructor(
    address: SocketAddress,
    source: NativeHandle | undefined,
    events: MasterEvents,
    deliver: (connection: NativeHandle, listener: L) => void,
  ) {
    this.address = address;
    this.#source = source;
    this.#events = events;
    this.#deliver = deliver;
  }

  /** Whether it listens and accepts, or will behind a pause. */
  get accepting(): boolean {
    return this.#accepting;
  }

  /** Connections that it has accepted. */
  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  /** The address that it is bound to, as the kernel reports it. */
  get bound(): { readonly address: string; readonly port: number } {
    return this.#bound;
  }

  /** The listening socket. */
  get handle(): NativeHandle | undefined {
    return this.#source ?? listeningHandle(this.#server);
  }

  /** Whether it gets each connection to this address. */
  covers({ ipaddress, port }: SocketAddress): boolean {
    const own = this.address;
    if (own.port === 0 || port === 0) return false;
    if (own.port !== port && this.#bound.port !== port) return false;
    return own.ipaddress === ipaddress || addressCovers(own.ipaddress ?? '::', ipaddress ?? '::');
  }

  /** Keeps its socket without listening on it. */
  hold({ address, port }: { address: string; port: number }): void {
    this.#bound = { address, port };
  }

  /**
   * Listens.
   * @throws {VhostError} ERR_LISTEN_ADDRESS_IN_USE, ERR_LISTEN_PERMISSION, ERR_LISTEN_ADDRESS.
   */
  async accept(backlog: number): Promise<void> {
    const { address } = this;
    const server = this.#server;
    const source = this.#source;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, address)));
      server.once('listening', resolve);
      if (source !== undefined) server.listen(source, backlog);
      else
        server.listen({ port: address.port, backlog, ...(address.ipaddress && { host: address.ipaddress }) });
    });
    this.#source = undefined;
    this.#accepting = true;
    server.removeAllListeners('error');
    server.on('error', (error) => {
      for (const { key } of this.listeners) this.#events.emit('listener.failed', { key, error });
    });
    const bound = server.address();
    if (typeof bound === 'object' && bound !== null)
      this.#bound = { address: bound.address, port: bound.port };
    acceptRaw(
      server,
      (connection) => this.#onConnection(connection),
      (errno) => {
        for (const { key } of this.listeners) this.#events.emit('listener.accept-failed', { key, errno });
      },
    );
  }

  /** Whether it has been told to pause, and not to accept since. */
  get paused(): boolean {
    return this.#accepting && this.#source !== undefined && !this.#server.listening;
  }

  /** Whether it can pause. */
  get hasSpare(): boolean {
    return this.#spare !== undefined;
  }

  /** Takes the same socket once more: without it there is no {@link pause}. */
  keepSpare(handle: NativeHandle): void {
    this.#spare?.close();
    this.#spare = handle;
  }

  /**
   * Accepts nothing until it is to {@link accept} again; who connects meanwhile waits in the kernel. At once: when this
   * returns, nothing more comes. False: it can't.
   */
  pause(): boolean {
    if (!this.#server.listening || this.#spare === undefined) return false;
    this.#source = this.#spare;
    this.#spare = undefined;
    this.#server.close();
    return true;
  }

  /** Has its queue end: who waits there is still accepted, and hardly anybody more gets in. */
  narrowQueue(): void {
    narrowQueue(this.#server);
  }

  /** Stops accepting; connections live on. */
  close(): void {
    this.#source?.close();
    this.#source = undefined;
    this.#spare?.close();
    this.#spare = undefined;
    if (this.#server.listening) this.#server.close();
  }

  /** One that came in at an address that nobody has any more, which this socket still covers, is closed. */
  #onConnection(connection: NativeHandle): void {
    this.#acceptedCount += 1;
    const listener = this.#listenerOf(connection);
    if (listener === undefined) connection.close();
    else this.#deliver(connection, listener);
  }

  #listenerOf(connection: NativeHandle): L | undefined {
    const { listeners } = this;
    if (listeners.size === 1) {
      const [only] = listeners;
      if (only?.address.ipaddress === this.address.ipaddress) return only;
    }
    const { address } = localAddressOf(connection);
    const all = [...listeners];
    const routed = all.filter((listener) => listener.routed);
    return mostExact(routed, address) ?? mostExact(all, address);
  }
}

function listenError(error: NodeJS.ErrnoException, { port, ipaddress }: SocketAddress): VhostError {
  const where = `port ${port}${ipaddress === undefined ? '' : ` of ${ipaddress}`}`;
  const options = { info: { port, ipaddress: ipaddress ?? null, errno: error.code ?? '' }, cause: error };
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return new VhostError('ERR_LISTEN_ADDRESS_IN_USE', `${where} is taken by another process`, options);
    case 'EACCES':
      return new VhostError(
        'ERR_LISTEN_PERMISSION',
        `${where} needs privileges that this user lacks`,
        options,
      );
    default:
      return new VhostError('ERR_LISTEN_ADDRESS', `cannot listen on ${where}: ${error.message}`, options);
  }
}

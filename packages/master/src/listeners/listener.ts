// One listening socket of the master: opens on a socket of the daemon's or of its own, delivers bare handles.
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { ListeningInfo } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import type { MasterEvents } from '../events.js';
import { acceptRaw, listeningHandle } from '../node/raw-accept.js';

/** What names a listener: sites that ask for the same get the same. */
export interface ListenerAddress {
  type: 'tcp' | 'ssl';
  /** Absent: every address of the machine. */
  ipaddress?: string;
  /** 0: one that the kernel chooses, shared by all that ask for 0 on this address and type. */
  port: number;
}

/** Takes a connection that was just accepted, and owns its handle from then on. */
export type Deliver = (handle: NativeHandle, listener: Listener) => void;

export class Listener {
  readonly key: string;
  readonly address: ListenerAddress;
  readonly #server: Server = createServer();
  readonly #events: MasterEvents;
  readonly #deliver: Deliver;
  /** A bound socket to listen on, until it is. */
  #source: NativeHandle | undefined;
  #accepting = false;
  #bound: { address: string; port: number } = { address: '', port: 0 };

  /** `source` is a bound socket to listen on, the listener's from then on; without one the socket is bound here. */
  constructor(
    address: ListenerAddress,
    source: NativeHandle | undefined,
    events: MasterEvents,
    deliver: Deliver,
  ) {
    this.key = listenerKey(address);
    this.address = address;
    this.#source = source;
    this.#events = events;
    this.#deliver = deliver;
  }

  /** Whether it listens and accepts. */
  get accepting(): boolean {
    return this.#accepting;
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
    server.on('error', (error) => this.#events.emit('listener.failed', { key: this.key, error }));
    const bound = server.address();
    if (typeof bound === 'object' && bound !== null)
      this.#bound = { address: bound.address, port: bound.port };
    acceptRaw(
      server,
      (connection) => this.#deliver(connection, this),
      (errno) => this.#events.emit('listener.accept-failed', { key: this.key, errno }),
    );
  }

  get info(): ListeningInfo {
    const { address, port } = this.#bound;
    const { type } = this.address;
    return { type_port_ip: `${type}_${port}_${address}`, type, address, port };
  }

  /** The listening socket. */
  get handle(): NativeHandle | undefined {
    return this.#source ?? listeningHandle(this.#server);
  }

  get secure(): boolean {
    return this.address.type === 'ssl';
  }

  /** Stops accepting; connections live on. */
  close(): void {
    this.#source?.close();
    this.#source = undefined;
    if (this.#server.listening) this.#server.close();
  }
}

/** The name of a listener among the others. */
export function listenerKey({ type, ipaddress, port }: ListenerAddress): string {
  return `${ipaddress ?? '*'}|${port}${port === 0 ? `|${type}` : ''}`;
}

function listenError(error: NodeJS.ErrnoException, { port, ipaddress }: ListenerAddress): VhostError {
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

// The master's listening sockets: opened when a site first needs one, closed when the last one leaves.
import type { AcquiredListener } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import { VhostError } from '@vhostd/protocol';
import type { MasterEvents } from '../events.js';
import { Listener, listenerKey } from './listener.js';
import type { Deliver, ListenerAddress } from './listener.js';

/** Where bound sockets come from. */
export interface ListenerSource {
  acquire(request: {
    ipaddress?: string;
    port: number;
  }): Promise<{ value: AcquiredListener; handle: NativeHandle | undefined }>;
  release(key: string): void;
}

/** A listener on a socket of the source's. */
export type OpenSocket = AcquiredListener & { handle: NativeHandle };

export class ListenerRegistry {
  readonly #events: MasterEvents;
  readonly #source: ListenerSource | undefined;
  readonly #open = new Map<string, { listener: Listener; daemonKey: string | undefined }>();
  #deliver: Deliver = (handle) => handle.close();
  #backlog = 511;
  #held = false;

  /** Without a source, sockets are bound here. */
  constructor(events: MasterEvents, source: ListenerSource | undefined) {
    this.#events = events;
    this.#source = source;
  }

  /** Sets who takes what is accepted. */
  deliverTo(deliver: Deliver): void {
    this.#deliver = deliver;
  }

  /** Opens listeners without accepting on them, until {@link accept}: another process serves. */
  hold(): void {
    this.#held = true;
  }

  /** Accepts on every listener, and on those to come. */
  async accept(): Promise<void> {
    this.#held = false;
    await Promise.all(
      this.list().map(async (listener) => {
        if (listener.accepting) return;
        try {
          await listener.accept(this.#backlog);
          this.#events.emit('listener.opened', listener.info);
        } catch (error) {
          const { key } = listener;
          this.#events.emit('listener.failed', {
            key,
            error: error instanceof Error ? error : new Error(String(error)),
          });
        }
      }),
    );
  }

  setBacklog(backlog: number): void {
    this.#backlog = backlog;
  }

  get(address: ListenerAddress): Listener | undefined {
    return this.#open.get(listenerKey(address))?.listener;
  }

  list(): Listener[] {
    return [...this.#open.values()].map(({ listener }) => listener);
  }

  /** Those whose sockets are the source's, with the name that it gave them. */
  openSockets(): OpenSocket[] {
    return [...this.#open.values()].flatMap(({ listener, daemonKey }) => {
      const { handle } = listener;
      const { address, port } = listener.info;
      return daemonKey === undefined || handle === undefined
        ? []
        : [{ key: daemonKey, address, port, handle }];
    });
  }

  /**
   * Opens those of `addresses` that are not open. All or none: on an error those just opened are closed again.
   * @throws {VhostError} ERR_LISTEN_*; ERR_LISTEN_TYPE where a port is open with the other type.
   */
  async open(addresses: readonly ListenerAddress[]): Promise<Listener[]> {
    const opened: Listener[] = [];
    try {
      for (const address of addresses) {
        const known = this.get(address);
        if (known === undefined) opened.push(await this.#openOne(address));
        else if (known.address.type !== address.type) throw typeConflict(known, address);
      }
    } catch (error) {
      for (const listener of opened) this.#close(listener);
      throw error;
    }
    return opened;
  }

  /** Closes every listener whose key is not in `keys`. */
  closeExcept(keys: ReadonlySet<string>): void {
    for (const listener of this.list()) if (!keys.has(listener.key)) this.#close(listener);
  }

  async #openOne(address: ListenerAddress): Promise<Listener> {
    let acquired: { value: AcquiredListener; handle: NativeHandle | undefined } | undefined;
    if (this.#source !== undefined) {
      const { ipaddress, port } = address;
      acquired = await this.#source.acquire({ port, ...(ipaddress === undefined ? {} : { ipaddress }) });
      if (acquired.handle === undefined) {
        throw new VhostError('ERR_LISTEN_HANDLE', `the daemon's socket for port ${port} did not arrive`);
      }
    }
    const daemonKey = acquired?.value.key;
    try {
      const listener = new Listener(address, acquired?.handle, this.#events, this.#deliver);
      // One of another process's; it is known to be bound.
      if (this.#held && acquired !== undefined) listener.hold(acquired.value);
      else await listener.accept(this.#backlog);
      this.#open.set(listener.key, { listener, daemonKey });
      if (listener.accepting) this.#events.emit('listener.opened', listener.info);
      return listener;
    } catch (error) {
      acquired?.handle?.close();
      this.#release(daemonKey);
      throw error;
    }
  }

  #close(listener: Listener): void {
    const daemonKey = this.#open.get(listener.key)?.daemonKey;
    const { info, accepting } = listener;
    this.#open.delete(listener.key);
    listener.close();
    this.#release(daemonKey);
    if (accepting) this.#events.emit('listener.closed', info);
  }

  #release(daemonKey: string | undefined): void {
    if (daemonKey === undefined) return;
    this.#source?.release(daemonKey);
  }
}

function typeConflict(known: Listener, address: ListenerAddress): VhostError {
  return new VhostError(
    'ERR_LISTEN_TYPE',
    `port ${address.port} is open as '${known.address.type}' and cannot be '${address.type}' as well`,
    { info: { port: address.port, open: known.address.type, wanted: address.type } },
  );
}

// The master's listening sockets: opened when a site first needs one, closed when the last one leaves.
import type {
  AcquiredListener,
  ListeningInfo,
  MasterToDaemon,
  DaemonToMaster,
  NativeHandle,
} from '@vhostd/protocol';
import type { Peer } from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import { Listener, listenerKey } from '../accept/listener.js';
import type { ListenerAddress, ListenerEvents } from '../accept/listener.js';

/** Where bound sockets come from. */
export type ListenerSource = Peer<MasterToDaemon, DaemonToMaster>;

export interface RegistryEvents extends ListenerEvents {
  onListening(info: ListeningInfo): void;
  onClose(info: ListeningInfo): void;
}

export class ListenerRegistry {
  readonly #events: RegistryEvents;
  readonly #open = new Map<string, { listener: Listener; daemonKey: string | undefined }>();
  #source: ListenerSource | undefined;
  #backlog = 511;

  constructor(events: RegistryEvents) {
    this.#events = events;
  }

  /** Takes sockets from the daemon from now on. */
  setSource(source: ListenerSource | undefined): void {
    this.#source = source;
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
      acquired = await this.#source.requestWithHandle('acquireListener', {
        port,
        ...(ipaddress === undefined ? {} : { ipaddress }),
      });
      if (acquired.handle === undefined) {
        throw new VhostError('ERR_LISTEN_HANDLE', `the daemon's socket for port ${port} did not arrive`);
      }
    }
    const daemonKey = acquired?.value.key;
    try {
      const listener = await Listener.open(address, this.#backlog, acquired?.handle, this.#events);
      this.#open.set(listener.key, { listener, daemonKey });
      this.#events.onListening(listener.info);
      return listener;
    } catch (error) {
      acquired?.handle?.close();
      this.#release(daemonKey);
      throw error;
    }
  }

  #close(listener: Listener): void {
    const daemonKey = this.#open.get(listener.key)?.daemonKey;
    const { info } = listener;
    this.#open.delete(listener.key);
    listener.close();
    this.#release(daemonKey);
    this.#events.onClose(info);
  }

  #release(daemonKey: string | undefined): void {
    if (daemonKey === undefined) return;
    this.#source?.request('releaseListener', { key: daemonKey }).catch(() => undefined);
  }
}

function typeConflict(known: Listener, address: ListenerAddress): VhostError {
  return new VhostError(
    'ERR_LISTEN_TYPE',
    `port ${address.port} is open as '${known.address.type}' and cannot be '${address.type}' as well`,
    { info: { port: address.port, open: known.address.type, wanted: address.type } },
  );
}

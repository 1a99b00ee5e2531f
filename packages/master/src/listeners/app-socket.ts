// A bound socket on which an app listens by itself, in each of its workers; here it is only kept, so that it outlives
// them.
import type { AcquiredListener } from '@vhostd/protocol';
import { toKeyedAddress, VhostError } from '@vhostd/protocol';
import { nativeBind, udpBind } from '@vhostd/transport';
import type { NativeHandle } from '@vhostd/transport';
import type { ListenerSource, OpenSocket } from './listener-source.js';
import type { SocketAddress } from './listener-socket.js';

/** Where an app listens. */
export interface AppAddress extends SocketAddress {
  /** By UDP, and not by TCP. */
  readonly udp?: true;
}

export class AppSocket {
  readonly address: AppAddress;
  readonly #source: ListenerSource | undefined;
  readonly #onClose: () => void;
  #acquired: AcquiredListener | undefined;
  #handle: NativeHandle | undefined;

  /** Without a source it is bound here. */
  constructor(address: AppAddress, source: ListenerSource | undefined, onClose: () => void) {
    this.address = address;
    this.#source = source;
    this.#onClose = onClose;
  }

  /** To be sent to workers, which listen on it. */
  get handle(): NativeHandle | undefined {
    return this.#handle;
  }

  /** The socket with the name that the source gave it. */
  ofSource(): OpenSocket | undefined {
    const handle = this.#handle;
    return this.#acquired === undefined || handle === undefined ? undefined : { ...this.#acquired, handle };
  }

  /** @throws {VhostError} ERR_LISTEN_*. */
  async bind(): Promise<void> {
    if (this.#source === undefined) {
      this.#handle = bindHere(this.address);
      return;
    }
    const { value, handle } = await this.#source.acquire(this.address);
    // One that covers it, or is another master's.
    if (value.key !== toKeyedAddress(this.address).key || handle === undefined) {
      handle?.close();
      void this.#source.release(value.key);
      throw inUse(this.address.port, 'vhostd listens on an address that covers it');
    }
    this.#acquired = value;
    this.#handle = handle;
  }

  close(): void {
    this.#handle?.close();
    this.#handle = undefined;
    if (this.#acquired !== undefined) void this.#source?.release(this.#acquired.key);
    this.#onClose();
  }
}

/** The refusal of a port that somebody has. */
export function inUse(port: number, why: string): VhostError {
  return new VhostError('ERR_LISTEN_ADDRESS_IN_USE', `port ${port} is in use: ${why}`, { info: { port } });
}

function bindHere({ ipaddress, port, udp }: AppAddress): NativeHandle {
  const bind = udp === true ? udpBind : nativeBind;
  const bound = bind(ipaddress ?? '::', port, ipaddress === undefined || ipaddress.includes(':') ? 6 : 4);
  if (bound.handle === undefined) {
    if (bound.errno === 'EADDRINUSE') throw inUse(port, 'another process has it');
    throw new VhostError('ERR_LISTEN_ADDRESS', `cannot bind port ${port}: ${bound.errno}`, {
      info: { port },
    });
  }
  // What binds is a handle that links take, of which the type tells less.
  return bound.handle as NativeHandle;
}

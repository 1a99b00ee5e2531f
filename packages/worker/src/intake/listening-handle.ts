// What an adopted server listens on: an object that looks like a bound TCP handle and holds no socket.
// Connections come to it from outside, through `accept` of node/native-handle.ts.
import type { ServerHandle, TcpHandle } from '../node/native-handle.js';

/** The address that `server.address()` reports. */
export interface ListenAddress {
  address: string;
  /** 1 to 65535. */
  port: number;
  family: 'IPv4' | 'IPv6';
}

/** A listening handle without a socket. It never keeps the process alive: the process's channel does that. */
export class ListeningHandle implements ServerHandle {
  declare onconnection?: (status: number, connection: TcpHandle) => void;
  readonly #address: ListenAddress;

  constructor(address: ListenAddress) {
    this.#address = { ...address };
  }

  listen(): number {
    return 0;
  }

  close(callback?: () => void): void {
    if (callback !== undefined) process.nextTick(callback);
  }

  // Called by server.ref() and server.unref(); there is nothing to hold.
  ref(): void {}
  unref(): void {}

  getsockname(out: object): number {
    Object.assign(out, this.#address);
    return 0;
  }
}

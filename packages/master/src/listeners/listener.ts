// One address at which sites are reached. Several may share a socket: the most exact one gets a connection.
import type { ListeningInfo } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import type { ListenerSocket } from './listener-socket.js';

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
  readonly socket: ListenerSocket<Listener>;
  /** Whether a site is reached by it. It gets no connection before, where another one can have it. */
  routed = false;

  constructor(address: ListenerAddress, socket: ListenerSocket<Listener>) {
    this.key = listenerKey(address);
    this.address = address;
    this.socket = socket;
  }

  /** Whether it listens and accepts. */
  get accepting(): boolean {
    return this.socket.accepting;
  }

  get info(): ListeningInfo {
    const { bound, address: own } = this.socket;
    const { type, ipaddress } = this.address;
    const address = ipaddress === own.ipaddress ? bound.address : (ipaddress ?? '::');
    return { type_port_ip: `${type}_${bound.port}_${address}`, type, address, port: bound.port };
  }

  get secure(): boolean {
    return this.address.type === 'ssl';
  }
}

/** The name of a listener among the others. */
export function listenerKey({ type, ipaddress, port }: ListenerAddress): string {
  return `${ipaddress ?? '*'}|${port}${port === 0 ? `|${type}` : ''}`;
}

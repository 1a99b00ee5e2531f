// The one place that binds a UDP socket without reading from it, which node:dgram does not offer.
//
// Internal: the constructor of the handle under a dgram.Socket, whose `bind` and `bind6` bind at once.
// Checked on Node 20.20, 22.23, 24.21 and 26.12 (udp-bind.test.ts fails where it changes).
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { getSystemErrorName } from 'node:util';
import { VhostError } from '@vhostd/protocol';
import { asBound } from './native-bind.js';
import type { BoundHandle, NativeBindResult } from './native-bind.js';

interface UdpHandle extends BoundHandle {
  bind(address: string, port: number, flags: number): number;
  bind6(address: string, port: number, flags: number): number;
}

/**
 * Binds a UDP socket. What clients send waits in the kernel until a process that was given the socket reads it.
 * @param address an IPv4 or IPv6 address; `::` takes IPv4 as well.
 * @param port 1–65535.
 * @throws VhostError ERR_NODE_INTERNALS when this Node lacks the internal or it behaves otherwise.
 */
export function udpBind(address: string, port: number, family: 4 | 6): NativeBindResult {
  const handle = newHandle();
  const failure = family === 4 ? handle.bind(address, port, 0) : handle.bind6(address, port, 0);
  const bound = failure === 0 ? asBound(handle) : undefined;
  if (bound !== undefined) return bound;
  handle.close();
  return { errno: failure === 0 ? 'EINVAL' : getSystemErrorName(failure) };
}

function newHandle(): UdpHandle {
  const like = createSocket('udp4');
  try {
    const constructor = handleOf(like)?.constructor as (new () => object) | undefined;
    const made = constructor === undefined ? undefined : new constructor();
    if (made !== undefined && 'bind' in made && 'bind6' in made) return made as UdpHandle;
  } finally {
    like.close();
  }
  throw new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} has no UDP handle that can be bound`, {
    info: { what: 'dgram.Socket', node: process.version },
  });
}

function handleOf(socket: Socket): object | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  );
  const state: unknown = symbol && Reflect.get(socket, symbol);
  const handle: unknown = typeof state === 'object' && state !== null && Reflect.get(state, 'handle');
  return typeof handle === 'object' && handle !== null ? handle : undefined;
}

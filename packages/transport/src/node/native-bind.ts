// The one place that binds a TCP socket without listening on it, which Node offers only by an internal.
//
// Internal: `net._createServerHandle(address, port, 4 | 6)` gives a bound libuv TCP handle or a negative errno.
// Checked on Node 20.20, 22.23, 24.21 and 26.10 (native-bind.test.ts fails where it changes).
import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { VhostError } from '@vhostd/protocol';

/** A bound TCP socket as libuv holds it. It can be sent over a child's IPC channel as it is. */
export interface BoundHandle {
  /** The descriptor in this process. Never open a second owner on it. */
  readonly fd: number;
  getsockname(out: object): number;
  close(callback?: () => void): void;
}

/** What {@link nativeBind} gives: a bound socket with the address that the kernel gave it, or an errno name. */
export type NativeBindResult =
  { handle: BoundHandle; address: string; port: number } | { errno: string; handle?: undefined };

/**
 * Binds a TCP socket and does not listen: nothing can be accepted on it in this process.
 *
 * libuv keeps EADDRINUSE of bind(2) back until listen(2) and reports it from getsockname only, so that is asked
 * here and a conflict is never missed. The kernel (SO_REUSEADDR, which libuv always sets) reports a conflict only
 * while the other socket listens: two sockets that are merely bound may share an address, and the first to listen
 * wins.
 *
 * @param address an IPv4 or IPv6 address; `::` takes IPv4 connections too.
 * @param port 0–65535; 0 lets the kernel choose.
 * @throws VhostError ERR_NODE_INTERNALS when this Node lacks the internal or it behaves otherwise.
 */
export function nativeBind(address: string, port: number, family: 4 | 6): NativeBindResult {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') throw internalsChanged('net._createServerHandle is missing');
  const created: unknown = Reflect.apply(create, net, [address, port, family]);
  if (typeof created === 'number') return { errno: getSystemErrorName(created) };
  if (!isBoundHandle(created)) throw internalsChanged('net._createServerHandle gave no TCP handle');

  const name: { address?: unknown; port?: unknown } = {};
  const failure = created.getsockname(name);
  if (failure !== 0 || name.port === 0) {
    created.close();
    return { errno: failure === 0 ? 'EADDRINUSE' : getSystemErrorName(failure) };
  }
  if (typeof name.address !== 'string' || typeof name.port !== 'number') {
    created.close();
    throw internalsChanged('getsockname gave no address');
  }
  return { handle: created, address: name.address, port: name.port };
}

/**
 * The TCP listener that this process was started with at a descriptor; undefined for anything else: another kind of socket
 * is closed then.
 * @throws VhostError ERR_NODE_INTERNALS.
 */
export function openBound(fd: number): { handle: BoundHandle; address: string; port: number } | undefined {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') throw internalsChanged('net._createServerHandle is missing');
  const created: unknown = Reflect.apply(create, net, [undefined, undefined, undefined, fd]);
  // What else has that number may be Node's own: it is left alone.
  if (!isBoundHandle(created)) return undefined;
  const bound = hasPeer(created) ? undefined : asBound(created);
  if (bound === undefined) created.close();
  return bound;
}

/** Whether it is a connection. */
function hasPeer(handle: BoundHandle): boolean {
  const getpeername: unknown = Reflect.get(handle, 'getpeername');
  return typeof getpeername === 'function' && Reflect.apply(getpeername, handle, [{}]) === 0;
}

/** A TCP socket that another process bound, with its address; undefined for anything else. */
export function asBound(
  received: object,
): { handle: BoundHandle; address: string; port: number } | undefined {
  if (!isBoundHandle(received)) return undefined;
  const name: { address?: unknown; port?: unknown } = {};
  if (received.getsockname(name) !== 0) return undefined;
  const { address, port } = name;
  if (typeof address !== 'string' || typeof port !== 'number' || port === 0) return undefined;
  return { handle: received, address, port };
}

function isBoundHandle(value: unknown): value is BoundHandle {
  if (typeof value !== 'object' || value === null) return false;
  return (
    typeof Reflect.get(value, 'fd') === 'number' &&
    typeof Reflect.get(value, 'getsockname') === 'function' &&
    typeof Reflect.get(value, 'close') === 'function'
  );
}

function internalsChanged(what: string): VhostError {
  return new VhostError(
    'ERR_NODE_INTERNALS',
    `cannot bind a socket without listening: ${what} in Node ${process.version}`,
    {
      info: { node: process.version },
    },
  );
}

// Takes connections from a listening socket as bare libuv handles: no net.Socket is built for a connection that
// leaves this process at once. Undocumented: `server._handle.onconnection` and `listen`, the TCP handle's `onread`,
// `readStart`, `readStop`, `bytesRead`, and `new net.Socket({ handle })`.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; raw-accept.test.ts fails where one of them changes.
import { Socket } from 'node:net';
import type { Server } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import { LazyTcp, nativeCalls, wholeHandle } from '@vhostd/transport';
import type { AddressRecord, NativeHandle, PeerStanding } from '@vhostd/transport';
import { batchUse } from './batch-use.js';

/** The handle under a listening server. */
interface ListeningHandle {
  onconnection: (status: number, connection: NativeHandle | undefined) => void;
  listen?(backlog: number): number;
}

/**
 * From now on each connection of a listening server goes to `onConnection`, unread; `onError` gets the errno of
 * an accept that failed.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the listening handle.
 */
export function acceptRaw(
  server: Server,
  onConnection: (connection: NativeHandle) => void,
  onError: (errno: number) => void,
): void {
  const handle: unknown = Reflect.get(server, '_handle');
  if (typeof handle !== 'object' || handle === null || !('onconnection' in handle)) {
    throw new VhostError(
      'ERR_NODE_INTERNALS',
      `Node ${process.version} hides the handle of a listening server`,
      {
        info: { what: 'server._handle.onconnection', node: process.version },
      },
    );
  }
  (handle as ListeningHandle).onconnection = (status, connection) => {
    if (status !== 0 || connection === undefined) return onError(status);
    if (batchUse.calls === undefined) return onConnection(connection);
    onConnection(new LazyTcp(connection));
    acceptMore(handle as unknown as NativeHandle, onConnection);
  };
}

/** libuv takes one connection in a turn of the event loop. Those that wait behind it are taken with it. */
function acceptMore(handle: NativeHandle, onConnection: (connection: NativeHandle) => void): void {
  const { calls } = batchUse;
  if (calls === undefined) return;
  for (let count = 1; count < ACCEPT_MAX_COUNT && handle.fd >= 0; count += 1) {
    const fd = calls.accept(handle.fd);
    if (fd < 0) return;
    onConnection(new LazyTcp(fd));
  }
}

/** Connections that are taken in one turn of the event loop. */
const ACCEPT_MAX_COUNT = 16;

/**
 * Lets nobody wait in the queue of a listening server any more but one: the kernel drops the SYN of who comes while that
 * one waits, and the client's kernel repeats it, a second later at first. Whoever is in the queue stays.
 */
export function narrowQueue(server: Server): void {
  const handle = Reflect.get(server, '_handle') as ListeningHandle | null | undefined;
  // Without it the queue stays as wide as it was.
  handle?.listen?.(0);
}

/** The handle of a listening server, to be sent to another process; undefined when the server is closed. */
export function listeningHandle(server: Server): NativeHandle | undefined {
  const handle: unknown = Reflect.get(server, '_handle');
  return typeof handle === 'object' && handle !== null && 'readStop' in handle
    ? (handle as NativeHandle)
    : undefined;
}

/**
 * Reads from a bare handle until `onChunk` returns false, which stops it within the same callback: not a byte
 * more leaves the kernel. `onEnd` is called at the end of the stream or on an error. False when the connection
 * is gone already.
 */
export function readRaw(
  handle: NativeHandle,
  onChunk: (chunk: Buffer) => boolean,
  onEnd: () => void,
): boolean {
  let readBytes = handle.bytesRead;
  const stop = (): void => {
    handle.readStop();
    handle.onread = () => undefined;
  };
  handle.onread = (chunk) => {
    if (chunk === undefined) {
      stop();
      return onEnd();
    }
    // The buffer may be longer than what was read (Node 26); the counter of the handle is exact.
    const length = handle.bytesRead - readBytes;
    readBytes += length;
    if (!onChunk(Buffer.from(chunk, 0, length))) stop();
  };
  return handle.readStart() === 0;
}

/** Stops reading; what comes stays in the kernel. */
export function stopRaw(handle: NativeHandle): void {
  handle.readStop();
  // What was only waited for is not made a handle that can be read, for which there may be no descriptor.
  if (!(handle instanceof LazyTcp)) handle.onread = () => undefined;
}

/** Whether a handle that another process sent is that of a TCP socket, and not of a pipe or a datagram socket. */
export function isConnection(handle: NativeHandle): boolean {
  return typeof handle.getpeername === 'function' && typeof handle.readStart === 'function';
}

/** The client's address; empty when the connection was reset. */
export function remoteAddressOf(handle: NativeHandle): string {
  const peer: AddressRecord = {};
  handle.getpeername?.(peer);
  return peer.address ?? '';
}

/** The client's address and port; an empty address when the connection was reset. */
export function remoteEndOf(handle: NativeHandle): { address: string; port: number } {
  const peer: AddressRecord = {};
  handle.getpeername?.(peer);
  return { address: peer.address ?? '', port: peer.port ?? 0 };
}

/** The address at which a connection came in. */
export function localAddressOf(handle: NativeHandle): { address: string; port: number } {
  const local: AddressRecord = {};
  handle.getsockname?.(local);
  return { address: local.address ?? '', port: local.port ?? 0 };
}

/** How the clients of connections stand; where this process has no way to know, they are there. */
export function clientsOf(handles: readonly NativeHandle[]): PeerStanding[] {
  const calls = nativeCalls();
  return calls === undefined ? handles.map(() => 'there') : calls.peersOf(handles.map(({ fd }) => fd));
}

/** A socket that owns the handle from here on. */
export function socketOf(bare: NativeHandle): Socket {
  // One that has been closed meanwhile makes a socket that ends at once.
  const handle = wholeHandle(bare) ?? bare;
  // A socket of this process must not believe that reads are under way.
  Reflect.set(handle, 'reading', false);
  return new Socket({ handle, allowHalfOpen: true } as unknown as ConstructorParameters<typeof Socket>[0]);
}

// Takes a connection out of this process so that it can travel with a call, and rebuilds it where it arrives.
//
// Internals: `socket._handle`, its `readStop`, `onread` and `reading`; the `handle` and `manualStart` options of net.Socket.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; calls/socket-passenger.test.ts fails where one of them changes.
import { Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { NativeHandle } from '../node/native-handle.js';
import type { Passenger } from '../peer/peer.js';

/** A connection ready to travel: its handle, and what was read from it and not consumed, as latin1 text. */
export interface PackedSocket {
  passenger: Passenger;
  head: string;
}

/**
 * Detaches a connection from its socket within this turn of the event loop: from now on nothing of it is read
 * here, every unread byte is either in `head` or still in the kernel, and the socket is destroyed without the
 * client noticing. The passenger's `release` closes this process's descriptor.
 * @throws {VhostError} ERR_CALL_SOCKET, and the socket is untouched: it is closed or not connected yet, is
 * encrypted (the cipher's state can't move), is being read by an HTTP server, decodes what it reads, or has
 * unsent bytes (wait for its writes to finish).
 */
export function packSocket(socket: Socket): PackedSocket {
  const handle = detachableHandle(socket);
  // The order matters: a handle that is stopped but still attached is started again by the next read.
  handle.readStop();
  handle.onread = () => undefined;
  Reflect.set(socket, '_handle', null);
  socket.removeAllListeners('data');
  const chunks: Buffer[] = [];
  for (let chunk: unknown = socket.read(); Buffer.isBuffer(chunk); chunk = socket.read()) chunks.push(chunk);
  socket.destroy();
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    handle.close();
  };
  return { passenger: { handle, release }, head: Buffer.concat(chunks).toString('latin1') };
}

/**
 * The connection as a socket of this process, half-open like the one it was. Nothing is read from it before
 * somebody listens for its data, pipes or resumes it; `head` comes first then. The caller owns it, its 'error'
 * event included.
 */
export function unpackSocket(handle: NativeHandle, head: string): Socket {
  // net.Socket takes a handle that says it is reading for started; one that was packed in this process still does.
  Reflect.set(handle, 'reading', false);
  const socket = new Socket({ handle, allowHalfOpen: true, manualStart: true } as SocketOptions);
  if (head !== '') socket.unshift(Buffer.from(head, 'latin1'));
  return socket;
}

type SocketOptions = NonNullable<ConstructorParameters<typeof Socket>[0]>;

function detachableHandle(socket: Socket): NativeHandle {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (socket.destroyed || socket.connecting || !isNativeHandle(handle)) {
    throw refuse('it is closed, or not connected yet');
  }
  if (Reflect.get(socket, 'encrypted') === true) {
    throw refuse('it is encrypted, and the state of its cipher belongs to this process');
  }
  if ((Reflect.get(socket, 'parser') ?? null) !== null) {
    throw refuse("an HTTP server reads from it; take it from an 'upgrade' event or a server of node:net");
  }
  if (socket.readableEncoding !== null)
    throw refuse('setEncoding was called, so its bytes are not known any more');
  const unsentBytes = socket.writableLength + handle.writeQueueSize;
  if (unsentBytes > 0) throw refuse(`${unsentBytes} bytes written to it are not sent yet`);
  return handle;
}

function isNativeHandle(value: unknown): value is NativeHandle {
  return typeof value === 'object' && value !== null && 'readStop' in value && 'writeQueueSize' in value;
}

function refuse(reason: string): VhostError {
  return new VhostError('ERR_CALL_SOCKET', `this socket can't go along with a call: ${reason}`, {
    info: { reason },
  });
}

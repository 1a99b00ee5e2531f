// Takes the libuv handle out of a net.Socket, and makes a socket of one. Undocumented: `_handle`, its `readStop`,
// `onread` and `reading`; the option `handle`.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; standalone.test.ts fails where one of them changes.
import { Socket } from 'node:net';
import type { NativeHandle } from '@vhostd/transport';

/**
 * Stops a socket at once and returns its handle; the socket is destroyed without closing the connection. Nothing
 * that the kernel has is lost; what the socket had already read must be taken from it before.
 */
export function giveUpHandle(socket: Socket): NativeHandle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null || !('readStop' in handle)) return undefined;
  const native = handle as NativeHandle;
  native.readStop();
  native.onread = () => undefined;
  Reflect.set(socket, '_handle', null);
  socket.destroy();
  return native;
}

/** Makes another socket of a handle that was given up; it does not end by itself when its client ends. */
export function socketOf(handle: NativeHandle): Socket {
  // The note of the socket before would make this one believe that reads are under way.
  Reflect.set(handle, 'reading', false);
  return new Socket({ handle, allowHalfOpen: true } as ConstructorParameters<typeof Socket>[0]);
}

// A second handle of a socket: libuv has no way to make one, and none to let a listening handle rest but to close it.
import { nativeCalls } from './native-calls.js';
import type { NativeHandle } from './native-handle.js';
import { openTcp } from './pipe-internals.js';

/** A second handle of the same TCP socket; undefined where this process has no way to make one. */
export function duplicate(handle: NativeHandle): NativeHandle | undefined {
  const fd = handle.fd < 0 ? -1 : (nativeCalls()?.duplicate(handle.fd) ?? -1);
  return fd < 0 ? undefined : openTcp(fd);
}

// Keeps a handle open while it is being sent. libuv looks at the handle when the kernel takes the bytes that it goes
// with, which may be long after the write; closed by then, it is freed memory: the process aborts, or another
// connection's descriptor goes out. A peer that confirms what it has not read yet must not be able to cause that.
import type { NativeHandle } from './native-handle.js';

interface Hold {
  count: number;
  close: NativeHandle['close'];
  closing: boolean;
  callbacks: (() => void)[];
}

const holds = new WeakMap<NativeHandle, Hold>();

/** From here on `handle.close()` waits until {@link letGo} was called as often as this. */
export function holdOpen(handle: NativeHandle): void {
  const held = holds.get(handle);
  if (held !== undefined) {
    held.count += 1;
    return;
  }
  const hold: Hold = { count: 1, close: Reflect.get(handle, 'close'), closing: false, callbacks: [] };
  holds.set(handle, hold);
  handle.close = (callback) => {
    hold.closing = true;
    if (callback !== undefined) hold.callbacks.push(callback);
  };
}

/** Ends one hold; with the last one goes a close that had to wait. */
export function letGo(handle: NativeHandle): void {
  const hold = holds.get(handle);
  if (hold === undefined) return;
  hold.count -= 1;
  if (hold.count > 0) return;
  holds.delete(handle);
  handle.close = hold.close;
  if (!hold.closing) return;
  handle.close(() => {
    for (const callback of hold.callbacks) callback();
  });
}

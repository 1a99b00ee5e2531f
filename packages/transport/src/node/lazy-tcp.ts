// A connection that is hardly more than a descriptor: most of those that a router accepts are looked at, passed on and
// closed, and a handle of libuv for each would be what costs most. It gets one when somebody reads from it, asks who it is,
// or waits for it to say something.
//
// Undocumented: the handle's `useUserBuffer`. libuv reads nothing into a buffer without room and reports UV_ENOBUFS each
// time there is something to read; so a buffer of no bytes tells that there is, and leaves it in the kernel.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; lazy-tcp.test.ts fails where that changes.
import { closeWatched } from './close-watchdog.js';
import { nativeCalls } from './native-calls.js';
import type { AddressRecord, NativeHandle, NativePipe } from './native-handle.js';
import { openTcp } from './pipe-internals.js';

export class LazyTcp implements NativeHandle {
  #fd = -1;
  #handle: NativeHandle | undefined;
  /** Its reads end at a buffer of no bytes, for ever. */
  #isDeaf = false;

  /** Owns the descriptor of a TCP connection, or its handle, from here on. */
  constructor(connection: number | NativeHandle) {
    if (typeof connection === 'number') this.#fd = connection;
    else this.#handle = connection;
  }

  get fd(): number {
    return this.#handle === undefined ? this.#fd : this.#handle.fd;
  }

  /** The handle that owns the descriptor from here on; undefined: it is closed. */
  get whole(): NativeHandle | undefined {
    if (this.#isDeaf) {
      const fd = this.fd < 0 ? -1 : (nativeCalls()?.duplicate(this.fd) ?? -1);
      this.close();
      this.#isDeaf = false;
      this.#handle = undefined;
      this.#fd = fd;
    }
    return this.#handled();
  }

  /**
   * Calls back once when there is something to read, or an end, and reads nothing. False: that cannot be told, or it is
   * closed.
   */
  whenReadable(callback: () => void): boolean {
    const handle = this.#handled();
    if (handle === undefined || typeof Reflect.get(handle, 'useUserBuffer') !== 'function') return false;
    if (!this.#isDeaf) (handle as NativePipe).useUserBuffer?.(NO_BYTES);
    this.#isDeaf = true;
    handle.onread = () => {
      handle.readStop();
      handle.onread = NOTHING;
      callback();
    };
    return handle.readStart() === 0;
  }

  close(callback?: () => void): void {
    if (this.#handle !== undefined) return this.#handle.close(callback);
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) closeWatched(fd);
    if (callback !== undefined) setImmediate(callback);
  }

  get onread(): NativeHandle['onread'] {
    return this.#handle?.onread ?? NOTHING;
  }

  set onread(listener: NativeHandle['onread']) {
    const handle = listener === NOTHING ? this.#handle : this.whole;
    if (handle !== undefined) handle.onread = listener;
  }

  get bytesRead(): number {
    return this.#handle?.bytesRead ?? 0;
  }

  get writeQueueSize(): number {
    return this.#handle?.writeQueueSize ?? 0;
  }

  readStart(): number {
    return this.whole?.readStart() ?? EBADF;
  }

  readStop(): number {
    return this.#handle?.readStop() ?? 0;
  }

  ref(): void {
    this.#handled()?.ref();
  }

  unref(): void {
    this.#handled()?.unref();
  }

  getsockname(out: AddressRecord): number {
    return this.#handled()?.getsockname?.(out) ?? EBADF;
  }

  getpeername(out: AddressRecord): number {
    return this.#handled()?.getpeername?.(out) ?? EBADF;
  }

  #handled(): NativeHandle | undefined {
    if (this.#handle === undefined && this.#fd >= 0) {
      this.#handle = openTcp(this.#fd);
      this.#fd = -1;
    }
    return this.#handle;
  }
}

/** What libuv and Node know: the handle itself, or what it has become. Undefined: it is closed. */
export function wholeHandle(handle: NativeHandle): NativeHandle | undefined {
  return handle instanceof LazyTcp ? handle.whole : handle;
}

const NO_BYTES: Uint8Array = Buffer.alloc(0);
const NOTHING = (): void => undefined;
const EBADF = -9;

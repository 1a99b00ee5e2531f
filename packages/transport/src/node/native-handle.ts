// Types of the libuv handles that Node hides behind `_handle`, as far as vhostd touches them.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; link/pipe-link.test.ts fails where one of them changes.

/** A libuv stream handle: Node's internal `TCP` or `Pipe` object. */
export interface NativeHandle {
  /**
   * Called with each chunk read, or with `undefined` at the end of the stream or on an error; behind `useUserBuffer`
   * always with `undefined`, and {@link bytesRead} tells the two apart. It must return nothing.
   */
  onread: (chunk: ArrayBuffer | undefined) => void;
  /** Bytes read since the handle was opened. */
  readonly bytesRead: number;
  /** Bytes written that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  /** The file descriptor, -1 when closed. */
  readonly fd: number;
  readStart(): number;
  readStop(): number;
  close(callback?: () => void): void;
  ref(): void;
  unref(): void;
  getsockname?(out: AddressRecord): number;
  getpeername?(out: AddressRecord): number;
}

/** What `getsockname` and `getpeername` fill in. */
export interface AddressRecord {
  address?: string;
  family?: string;
  port?: number;
}

/** A Unix socket opened as an IPC pipe, over which another handle can travel. */
export interface NativePipe extends NativeHandle {
  /** The handle that came with the bytes just read; the reader takes it by setting null. */
  pendingHandle: NativeHandle | null;
  open(fd: number): number;
  /**
   * Whatever is read comes here, from the beginning, each time. The caller keeps it alive. Where a Node has none, each
   * read brings a buffer of its own.
   */
  useUserBuffer?(buffer: Uint8Array): void;
  /** With `null` for a request (from Node 26 on) it returns a status, or the request that it made. */
  writeLatin1String(request: WriteRequest, text: string, handle: NativeHandle | undefined): number;
  writeLatin1String(request: null, text: string, handle: NativeHandle | undefined): number | WriteRequest;
}

/** Node's internal `WriteWrap`: one write in flight. */
export interface WriteRequest {
  oncomplete: (status: number) => void;
  /** Node 26: the result of a write that had ended before `oncomplete` was set. */
  writeStatus?: number | null;
}

/** The argument of `Pipe`'s constructor that makes an IPC pipe, and the one for any other stream. */
export const IPC_PIPE = 2;
export const PLAIN_PIPE = 0;

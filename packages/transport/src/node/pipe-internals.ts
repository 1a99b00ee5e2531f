// The undocumented parts of Node that a raw IPC pipe needs: the constructor of Pipe and the way to write,
// taken from live objects because `process.binding` is deprecated, and the handle of a process channel.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; link/pipe-link.test.ts fails where one of them changes.
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import { holdOpen, letGo } from './hold-open.js';
import type { NativeHandle, NativePipe, WriteRequest } from './native-handle.js';
import { IPC_PIPE, PLAIN_PIPE } from './native-handle.js';

type PipeConstructor = new (type: number) => NativePipe;
type WriteRequestConstructor = new () => WriteRequest;

/** The handle under Node's own IPC channel: of a forked child, or of this process towards its parent. */
export function channelHandle(owner: ChildProcess | NodeJS.Process): NativePipe | undefined {
  for (const symbol of Object.getOwnPropertySymbols(owner)) {
    if (symbol.description !== 'kChannelHandle') continue;
    const handle: unknown = Reflect.get(owner, symbol);
    if (isPipe(handle)) return handle;
  }
  return undefined;
}

/**
 * Whether Node waits for the acknowledgement of a handle that it sent over this channel. Others wait in a queue
 * meanwhile; without one, an acknowledgement is an assertion that fails.
 */
export function awaitsHandleAck(owner: ChildProcess | NodeJS.Process): boolean {
  return Array.isArray(Reflect.get(owner, '_handleQueue'));
}

/**
 * Lets a channel be disconnected at once. Node would put that off while a handle is not acknowledged or a message
 * has come in part, and take the peer's death meanwhile for a second disconnect, which is an error.
 */
export function forgetUnfinished(owner: ChildProcess | NodeJS.Process): void {
  if (awaitsHandleAck(owner)) Reflect.set(owner, '_handleQueue', null);
  const handle = channelHandle(owner);
  if (handle !== undefined && 'buffering' in handle) handle.buffering = false;
}

/**
 * A new IPC pipe that is not open yet.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the constructor.
 */
export function createIpcPipe(like: ChildProcess | NodeJS.Process | PipeConstructor): NativePipe {
  if (typeof like === 'function') return new like(IPC_PIPE);
  return new (pipeConstructor(like))(IPC_PIPE);
}

/**
 * A new pipe over which no handle can travel, that is not open yet.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the constructor.
 */
export function createPlainPipe(): NativePipe {
  return new (pipeConstructor(process))(PLAIN_PIPE);
}

function pipeConstructor(owner: ChildProcess | NodeJS.Process): PipeConstructor {
  const handle = channelHandle(owner) ?? connectingPipe();
  if (handle === undefined) throw missing('the handle of a pipe');
  return handle.constructor as PipeConstructor;
}

/**
 * Makes a TCP handle of a connected socket's descriptor, which is the handle's from then on. Where that fails, the
 * descriptor is closed and nothing is returned.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the constructor.
 */
export function openTcp(fd: number): NativeHandle | undefined {
  tcpConstructor ??= findTcpConstructor();
  const handle = new tcpConstructor(PLAIN_PIPE);
  if (handle.open(fd) === 0) return handle;
  closeSync(fd);
  return undefined;
}

/** What the handles of sockets and pipes share: where each of them finds its `close`. */
export function closingPrototypes(): { close(...args: unknown[]): unknown }[] {
  tcpConstructor ??= findTcpConstructor();
  return [tcpConstructor, pipeConstructor(process)].map(({ prototype }) => prototype as never);
}

type TcpConstructor = new (type: number) => NativeHandle & { open(fd: number): number };
let tcpConstructor: TcpConstructor | undefined;

/** Of a socket that was told to connect, and is destroyed before it does. */
function findTcpConstructor(): TcpConstructor {
  const socket = new Socket();
  socket.on('error', () => undefined);
  socket.connect({ port: 1, host: '127.0.0.1' });
  const handle: unknown = Reflect.get(socket, '_handle');
  socket.destroy();
  if (typeof handle !== 'object' || handle === null || !('open' in handle))
    throw missing('the handle of a socket');
  return handle.constructor as TcpConstructor;
}

/** Whether a handle is a TCP socket. */
export function isTcp(handle: NativeHandle): boolean {
  tcpConstructor ??= findTcpConstructor();
  return handle instanceof tcpConstructor;
}

/**
 * Node's own channel to a child is not read from here on, whatever else is done with the child: what it writes there
 * stays in the kernel. To be called in the turn of the fork; {@link endChannel} follows when the child has exited.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the channel.
 */
export function ignoreChannel(child: ChildProcess): void {
  const channel = channelHandle(child);
  if (channel === undefined) throw missing("the handle of a child's channel");
  channel.readStop();
}

/** Does what Node does at the end of a channel: 'disconnect' and 'close' follow, and a cluster's worker is forgotten. */
export function endChannel(child: ChildProcess): void {
  channelHandle(child)?.onread(undefined);
}

/** A pipe of this process that leads nowhere: a channel that has been closed has no handle any more. */
function connectingPipe(): NativePipe | undefined {
  const socket = new Socket();
  socket.on('error', () => undefined);
  socket.connect({ path: NOWHERE });
  const handle: unknown = Reflect.get(socket, '_handle');
  socket.destroy();
  return isPipe(handle) ? handle : undefined;
}

/** A Unix socket that cannot exist: below a file. */
const NOWHERE = '/dev/null/vhostd';

/**
 * Writes text, and a handle along with it, as bytes. Returns false when it is refused at once: nothing was written.
 * Else `onWritten` is called when the kernel has all of it or refused it (a negative status), unless the kernel took
 * it at once. The handle stays open until then, whoever closes it.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides how to write.
 */
export function writeText(
  pipe: NativePipe,
  text: string,
  handle: NativeHandle | undefined,
  onWritten: (status: number) => void,
): boolean {
  // A closed handle: up to Node 24 a status says so, Node 26 does not.
  if (pipe.fd < 0 || (handle !== undefined && handle.fd < 0)) return false;
  if (handle === undefined) return write(pipe, text, undefined, onWritten) !== 'refused';
  let held = false;
  const outcome = write(pipe, text, handle, (status) => {
    if (held) letGo(handle);
    onWritten(status);
  });
  // What the kernel took at once needs no hold; nobody could close the handle in between.
  if (outcome === 'under way' && pipe.writeQueueSize > 0) {
    holdOpen(handle);
    held = true;
  }
  return outcome !== 'refused';
}

/**
 * Sends a handle, which stays open until it is gone, with a few bytes. False: refused at once. Else `onSent` is called
 * in a later turn, when the kernel has both or refused them (a negative status).
 */
export function sendHandle(
  pipe: NativePipe,
  text: string,
  handle: NativeHandle,
  onSent: (status: number) => void,
): boolean {
  if (pipe.fd < 0 || handle.fd < 0) return false;
  holdOpen(handle);
  const outcome = write(pipe, text, handle, (status) => {
    letGo(handle);
    onSent(status);
  });
  if (outcome === 'refused') letGo(handle);
  if (outcome === 'done') {
    setImmediate(() => {
      letGo(handle);
      onSent(0);
    });
  }
  return outcome !== 'refused';
}

/** Where it is under way, `onWritten` is called later. */
function write(
  pipe: NativePipe,
  text: string,
  handle: NativeHandle | undefined,
  onWritten: (status: number) => void,
): 'refused' | 'done' | 'under way' {
  const request = newWriteRequest();
  if (request !== null) {
    request.oncomplete = onWritten;
    // Without a handle it may be done at once, which is not told.
    return pipe.writeLatin1String(request, text, handle) === 0 ? 'under way' : 'refused';
  }
  // Node 26: a status, or the request that it made itself.
  const result = pipe.writeLatin1String(null, text, handle);
  if (typeof result === 'number') return result === 0 ? 'done' : 'refused';
  result.oncomplete = onWritten;
  if (typeof result.writeStatus === 'number') queueMicrotask(onWritten.bind(undefined, result.writeStatus));
  return 'under way';
}

/** The constructor of a write request; null where Node makes the request itself. */
let writeRequestConstructor: WriteRequestConstructor | null | undefined;

function newWriteRequest(): WriteRequest | null {
  if (writeRequestConstructor === undefined) writeRequestConstructor = findWriteRequestConstructor();
  return writeRequestConstructor === null ? null : new writeRequestConstructor();
}

/** Lets a socket write to an object of ours and looks at the request it brings. */
function findWriteRequestConstructor(): WriteRequestConstructor | null {
  let found: unknown;
  const capture = (request: object | null): number => {
    found = request === null ? null : request.constructor;
    return 0;
  };
  const stand = {
    writeUtf8String: capture,
    writeLatin1String: capture,
    writeBuffer: capture,
    readStart: () => 0,
    readStop: () => 0,
    close: (callback?: () => void) => callback?.(),
    getAsyncId: () => 0,
  };
  const socket = new Socket();
  Reflect.set(socket, '_handle', stand);
  socket.on('error', () => undefined);
  socket.write('x');
  Reflect.set(socket, '_handle', null);
  socket.destroy();
  if (found === null) return null;
  if (typeof found !== 'function' || found === Object) throw missing('WriteWrap');
  return found as WriteRequestConstructor;
}

function isPipe(value: unknown): value is NativePipe {
  return (
    typeof value === 'object' &&
    value !== null &&
    'writeLatin1String' in value &&
    'readStart' in value &&
    'open' in value &&
    'bytesRead' in value
  );
}

function missing(what: string): VhostError {
  return new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} does not offer ${what}`, {
    info: { what, node: process.version },
  });
}

// The undocumented parts of Node that a raw IPC pipe needs: the constructor of Pipe and the way to write,
// taken from live objects because `process.binding` is deprecated, and the handle of a process channel.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; link/pipe-link.test.ts fails where one of them changes.
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { VhostError } from '../errors.js';
import type { NativeHandle, NativePipe, WriteRequest } from './native-handle.js';
import { IPC_PIPE } from './native-handle.js';

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
 * A new IPC pipe that is not open yet.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the constructor.
 */
export function createIpcPipe(like: ChildProcess | NodeJS.Process | PipeConstructor): NativePipe {
  if (typeof like === 'function') return new like(IPC_PIPE);
  const handle = channelHandle(like);
  if (handle === undefined) throw missing('the handle of the process channel');
  return new (handle.constructor as PipeConstructor)(IPC_PIPE);
}

/**
 * Writes text, and a handle along with it, as bytes. `onError` is called once when the kernel refuses it later.
 * Returns false when it is refused at once.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides how to write.
 */
export function writeText(
  pipe: NativePipe,
  text: string,
  handle: NativeHandle | undefined,
  onError: () => void,
): boolean {
  const request = newWriteRequest();
  if (request === null) {
    // Node 26: a status, or the request that it made itself.
    const result = pipe.writeLatin1String(null, text, handle);
    if (typeof result === 'number') return result === 0;
    result.keep = handle;
    result.oncomplete = (status) => {
      if (status < 0) onError();
    };
    return typeof result.writeStatus !== 'number' || result.writeStatus >= 0;
  }
  request.keep = handle;
  request.oncomplete = (status) => {
    if (status < 0) onError();
  };
  return pipe.writeLatin1String(request, text, handle) === 0;
}

/** What of the above this Node lacks; `undefined` when a raw pipe can be used. */
export function checkPipeInternals(): VhostError | undefined {
  try {
    newWriteRequest();
    return undefined;
  } catch (error) {
    return error instanceof VhostError ? error : missing(String(error));
  }
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

// Gives a server bytes that were read from a connection before it had it, so that they reach its code as those do that
// it reads itself: in a turn of their own, with the queues of ticks and microtasks empty behind each part that Node
// reports by itself. Put back by `socket.unshift`, all of it would be parsed within one tick: a stream of HTTP/2 that is
// cancelled in the same packet would be gone before its 'stream' is emitted.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; intake/parity-reads.test.ts fails where one of them changes.
//
// ServerHttp2Session: its handle under a symbol `kHandle`, with `receive(bytes)`, which Node uses for bytes that a socket
// has read before it is a session's. net.Socket: `_handle`, `parser`. The TCP handle: `bytesRead`. The parser: its function
// for a piece of a body, `parserOnBody`, at index 3, behind which Node empties its queues; its `_consumed`, true while it
// reads from the handle by itself. process: `_tickCallback`, which does that from JavaScript. `_readableState.reading`:
// a read of the socket is under way, which it is for as long as the parser reads by itself.
import { Server as HttpServer } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { hiddenField } from './hidden-field.js';

/**
 * How a server gets such bytes. `socket`: pushed into its socket, as Node does with what it reads. `session`: received
 * by its HTTP/2 session, frame by frame. `buffer`: put into its socket's buffer before anyone can read, which TLS takes
 * as its own reads, and for anything else is near enough.
 */
export type Way = 'socket' | 'session' | 'buffer';

/** The way for the connections of a server. */
export function wayTo(server: Server): Way {
  if ('setSecureContext' in server) return 'buffer';
  if ('updateSettings' in server) return 'session';
  return server instanceof HttpServer ? 'socket' : 'buffer';
}

/** The parts that are delivered each in a turn of its own: whole frames of HTTP/2 (RFC 9113 4.1), else all at once. */
export function partsOf(bytes: Buffer, way: Way): Buffer[] {
  if (way !== 'session') return [bytes];
  const parts: Buffer[] = [];
  let start = 0;
  // The connection preface (RFC 9113 3.4) is read along with the first frame.
  let next = PREFACE_BYTES;
  while (next + FRAME_HEAD_BYTES <= bytes.length) {
    next += FRAME_HEAD_BYTES + bytes.readUIntBE(next, 3);
    if (next > bytes.length) break;
    parts.push(bytes.subarray(start, next));
    start = next;
  }
  if (start < bytes.length) parts.push(bytes.subarray(start));
  return parts;
}

const PREFACE_BYTES = 24;
const FRAME_HEAD_BYTES = 9;

/** Whether a part can be delivered to this socket; where not, its bytes must be put into its buffer at once. */
export function takesParts(socket: Socket, session: ServerHttp2Session | undefined, way: Way): boolean {
  if (way === 'session')
    return session !== undefined && (session.destroyed || handleOf(session) !== undefined);
  return typeof Reflect.get(socket, 'parser') === 'object' && Reflect.get(socket, 'parser') !== null;
}

/** Delivers a part, from a callback of the event loop. What has ended in the meantime gets nothing. */
export function deliver(part: Buffer, socket: Socket, session: ServerHttp2Session | undefined): void {
  if (socket.destroyed) return;
  if (session !== undefined) {
    handleOf(session)?.receive(part);
    return;
  }
  const undo = emptyQueuesBehindBody(socket);
  try {
    socket.push(part);
  } finally {
    undo();
    keepRead(socket);
  }
}

/**
 * A push ends the socket's read, and the stream begins another one, which starts the handle. Where the server has
 * stopped reading, until its answers are written, what the handle then read would go to a parser that stands still, and
 * be lost.
 */
function keepRead(socket: Socket): void {
  const parser: unknown = Reflect.get(socket, 'parser');
  if (typeof parser !== 'object' || parser === null || Reflect.get(parser, '_consumed') !== true) return;
  const state: unknown = Reflect.get(socket, '_readableState');
  if (typeof state === 'object' && state !== null) Reflect.set(state, 'reading', true);
}

/**
 * A body may be whole in its first piece: by its end, what the site's code did with its beginning has come into force.
 * Returns the undo.
 */
function emptyQueuesBehindBody(socket: Socket): () => void {
  const parser: unknown = Reflect.get(socket, 'parser');
  const emptyQueues: unknown = Reflect.get(process, '_tickCallback');
  if (typeof parser !== 'object' || parser === null || typeof emptyQueues !== 'function') return NOTHING;
  const onBody: unknown = Reflect.get(parser, ON_BODY);
  if (typeof onBody !== 'function' || onBody.name !== 'parserOnBody') return NOTHING;
  Reflect.set(parser, ON_BODY, function onBodyOfPart(this: unknown, ...args: unknown[]) {
    Reflect.apply(onBody, this, args);
    try {
      Reflect.apply(emptyQueues, process, []);
    } catch (error) {
      // As behind a read of Node's own: it does not end the parsing.
      process.nextTick(() => {
        throw error;
      });
    }
  });
  return () => Reflect.set(parser, ON_BODY, onBody);
}

const ON_BODY = 3;
const NOTHING = (): void => undefined;

/**
 * Lets `socket.bytesRead` count bytes that its handle has not read. An accessor of the handle's own would have V8 keep all
 * that the handle has in a dictionary, and everything that Node does with it is slower for that.
 */
export function countAsRead(socket: Socket, count: number): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  READ_BEFORE.set(handle, count);
  const prototype: unknown = Object.getPrototypeOf(handle);
  if (typeof prototype !== 'object' || prototype === null || isCounting.has(prototype)) return;
  let counting = countingPrototypes.get(prototype);
  if (counting === undefined) {
    counting = countingPrototype(prototype);
    countingPrototypes.set(prototype, counting);
    isCounting.add(counting);
  }
  Object.setPrototypeOf(handle, counting);
}

/** What had been read from a connection before its handle was this process's. */
const READ_BEFORE = hiddenField<number>();

/** By what they stand for: a handle of TCP, or one of a test. */
const countingPrototypes = new WeakMap<object, object>();
const isCounting = new WeakSet<object>();

function countingPrototype(prototype: object): object {
  return Object.create(prototype, {
    bytesRead: {
      configurable: true,
      enumerable: true,
      get(this: object): number {
        return (READ_BEFORE.of(this) ?? 0) + Number(Reflect.get(prototype, 'bytesRead', this));
      },
    },
  }) as object;
}

interface SessionHandle {
  receive(bytes: Buffer): void;
}

function handleOf(session: ServerHttp2Session): SessionHandle | undefined {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    if (symbol.description !== 'kHandle') continue;
    const handle: unknown = Reflect.get(session, symbol);
    if (typeof handle === 'object' && handle !== null && 'receive' in handle) return handle as SessionHandle;
  }
  return undefined;
}

// The undocumented parts of Node that moving an idle HTTP/1.1 connection to another process needs, and every access
// to them. Checked on Node 20.20, 22.23, 24.21 and 26.10; http-connections.test.ts fails where one of them changes.
//
// http.Server: the list of its parsers under a symbol 'http.server.connections', with `all()` and `idle()`, where a
// parser is idle from the end of a message to the first byte of the next one (llhttp's message begin).
// net.Socket: `_handle`, `_httpMessage` (the response being sent), `_paused` (by its parser), `parser`.
// The parser: `socket`, `incoming` (the request being read), `_consumed` and `unconsume()` (it reads the handle
// itself), `onIncoming` (called with each request whose head is whole). The TCP handle: `_consumed`, `readStop`,
// `onread`, `bytesRead`, `writeQueueSize`, `reading` (net.Socket's note that it has called readStart).
/* oxlint-disable no-underscore-dangle -- the names are Node's */
import { Server as HttpServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import { accept, listenOn } from './native-handle.js';
import { giveUpHandle } from './socket-handle.js';

type OnIncoming = (...args: unknown[]) => unknown;

interface Parser {
  socket: Socket | null;
  incoming: object | null;
  onIncoming: OnIncoming;
  _consumed: boolean;
  unconsume(): void;
}

interface ParserList {
  all(): Parser[];
  idle(): Parser[];
}

/** The HTTP/1 connections of a server, TLS ones included. */
export class HttpConnections {
  readonly #list: ParserList;

  private constructor(list: ParserList) {
    this.#list = list;
  }

  /** Those of a listening server; `undefined` for one that speaks no HTTP/1 or has no list of them. */
  static of(server: Server): HttpConnections | undefined {
    for (const symbol of Object.getOwnPropertySymbols(server)) {
      if (symbol.description !== 'http.server.connections') continue;
      const list: unknown = Reflect.get(server, symbol);
      if (isParserList(list)) return new HttpConnections(list);
    }
    return undefined;
  }

  all(): Socket[] {
    return socketsOf(this.#list.all());
  }

  /** Those on which no byte of a request has come since the last one ended; it may not be answered yet. */
  idle(): Socket[] {
    return socketsOf(this.#list.idle());
  }

  /** Those from which not a byte has been read since this process has them: to the parser they are not idle. */
  unread(): Socket[] {
    return this.all().filter((socket) => isUnread(socket));
  }
}

/** The response that is being sent on a connection, or waits to be. */
export function responseOn(socket: Socket): ServerResponse | undefined {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return typeof response === 'object' && response !== null ? (response as ServerResponse) : undefined;
}

/**
 * Whether everything of a connection is in the kernel: nothing that was read is unanswered, nothing that was
 * written waits, neither side has ended it. For a connection of {@link HttpConnections.idle}, or one that has not
 * had a byte yet.
 */
export function isAtRest(socket: Socket): boolean {
  const handle = handleOf(socket);
  return (
    handle !== undefined &&
    responseOn(socket) === undefined &&
    (parserOf(socket)?.incoming ?? null) === null &&
    Reflect.get(socket, '_paused') !== true &&
    socket.readableLength === 0 &&
    socket.writableLength === 0 &&
    handle.writeQueueSize === 0 &&
    !socket.destroyed &&
    !socket.readableEnded &&
    !socket.writableEnded
  );
}

/** Whether a part of a head has been read from a connection that is not {@link HttpConnections.idle}, and no whole one. */
export function isInHead(socket: Socket): boolean {
  return (
    parserOf(socket)?.incoming === null &&
    responseOn(socket) === undefined &&
    !isUnread(socket) &&
    !socket.destroyed &&
    !socket.writableEnded
  );
}

/** Whether not a byte has been read from a connection since this process has it. */
export function isUnread(socket: Socket): boolean {
  return handleOf(socket)?.bytesRead === 0 && socket.readableLength === 0;
}

/**
 * Takes the handle out of a connection that {@link isAtRest}, reading from it stopped at once: what its client sends
 * from now on stays in the kernel. The socket is destroyed, its handle is open and the caller's.
 */
export function detach(socket: Socket): NativeHandle | undefined {
  const handle = handleOf(socket);
  if (handle === undefined) return undefined;
  handle.readStop();
  const parser = parserOf(socket);
  if (parser?._consumed === true) {
    parser.unconsume();
    parser._consumed = false;
  }
  // Another parser of this process may have it.
  Reflect.set(handle, '_consumed', false);
  return giveUpHandle(socket);
}

/** Calls `callback` when the kernel has all that was written. False: it has already. */
export function whenWritten(socket: Socket, callback: () => void): boolean {
  if (socket.writableLength === 0 && (handleOf(socket)?.writeQueueSize ?? 0) === 0) return false;
  // An empty write ends behind those before it.
  socket.write('', () => setImmediate(callback));
  return true;
}

/** Stops reading from a connection at once: what its client sends from now on stays in the kernel. */
export function stopReading(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === undefined) return;
  handle.readStop();
  // A server that waits for its answers to be read has stopped before. Where the note says so, the stream starts to read
  // again by itself, and what nobody listens for is lost.
  Reflect.set(handle, 'reading', true);
}

/** Calls `callback` when the head of the next request is whole, before anyone else sees it. Returns the undo. */
export function onNextRequest(socket: Socket, callback: () => void): () => void {
  const parser = parserOf(socket);
  if (parser === undefined) return () => undefined;
  const own = parser.onIncoming;
  const undo = (): void => {
    // A parser whose connection has ended may serve another one.
    if (parser.onIncoming === watch) parser.onIncoming = own;
  };
  const watch: OnIncoming = (...args) => {
    undo();
    callback();
    return own(...args);
  };
  parser.onIncoming = watch;
  return undo;
}

/**
 * Takes a made-up connection through a request's first byte and through being detached. Returns
 * ERR_NODE_INTERNALS, naming in `info.missing` what this Node does otherwise, or `undefined`.
 */
export function checkHttpInternals(): VhostError | undefined {
  const missing = failedDetach();
  if (missing === undefined) return undefined;
  return new VhostError(
    'ERR_NODE_INTERNALS',
    `Node ${process.version} has changed inside: ${missing}; idle connections cannot move to another worker`,
    { info: { missing: [missing], node: process.version } },
  );
}

function failedDetach(): string | undefined {
  const server = new HttpServer();
  let accepted: Socket | undefined;
  server.prependListener('connection', (socket: Socket) => {
    accepted = socket;
  });
  const nothing = (): number => 0;
  const listening = { listen: nothing, close: nothing, ref: nothing, unref: nothing, getsockname: nothing };
  const handle = {
    readStart: nothing,
    readStop: nothing,
    close: nothing,
    bytesRead: 0,
    writeQueueSize: 0,
    fd: 3,
  };
  try {
    listenOn(server, listening);
    // The list is made when a server listens, which is said on the next tick only.
    server.emit('listening');
    accept(listening, handle);
    const connections = HttpConnections.of(server);
    if (connections === undefined) return 'the list of connections of http.Server';
    if (accepted === undefined || !connections.all().includes(accepted)) return 'ConnectionsList.all';
    const parser = parserOf(accepted);
    if (parser === undefined) return 'the parser of a connection';
    if (!isAtRest(accepted) || !isUnread(accepted)) return 'a connection before its first request';
    accepted.emit('data', Buffer.from('G'));
    if (connections.idle().includes(accepted)) return 'ConnectionsList.idle';
    if (detach(accepted) !== (handle as unknown)) return 'net.Socket#_handle';
    return accepted.destroyed ? undefined : 'net.Socket#destroy';
  } catch (error) {
    return `detaching a connection (${String(error)})`;
  } finally {
    accepted?.destroy();
    server.close();
  }
}

function socketsOf(parsers: readonly Parser[]): Socket[] {
  return parsers.flatMap(({ socket }) => socket ?? []);
}

function parserOf(socket: Socket): Parser | undefined {
  const parser: unknown = Reflect.get(socket, 'parser');
  return isParser(parser) ? parser : undefined;
}

function handleOf(socket: Socket): NativeHandle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  return typeof handle === 'object' && handle !== null && 'writeQueueSize' in handle
    ? (handle as NativeHandle)
    : undefined;
}

function isParser(value: unknown): value is Parser {
  if (typeof value !== 'object' || value === null) return false;
  return ['unconsume', 'onIncoming'].every((name) => typeof Reflect.get(value, name) === 'function');
}

function isParserList(value: unknown): value is ParserList {
  if (typeof value !== 'object' || value === null) return false;
  return ['all', 'idle'].every((name) => typeof Reflect.get(value, name) === 'function');
}

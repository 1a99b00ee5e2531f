// The undocumented parts of Node that looking at a request between its head and its body needs, and every access to
// them. Checked on Node 20.20, 22.23, 24.21 and 26.12; rehome/host-check.test.ts fails where one of them changes.
//
// The parser's `onIncoming(request, keepAlive)`: called synchronously with each request whose head is whole. With
// `request.upgrade` set and 2 returned, llhttp stops behind the head, and Node lets go of the socket, emits 'upgrade'
// ('connect' for CONNECT) with the bytes behind the head, and destroys the socket where nobody listens for it.
// `maxHeaderPairs`: so many names and values are kept of a head. `_parent` of a TLSSocket: the socket under it.
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';

/** Decides about a request before anybody sees it. */
export type OnHead = (request: IncomingMessage, proceed: () => unknown) => unknown;

interface HeadParser {
  onIncoming: (request: IncomingMessage, keepAlive: boolean) => unknown;
  maxHeaderPairs?: number;
}

/**
 * Calls `onHead` with each request of an HTTP/1 connection; `proceed` gives the request to the server, and what it
 * returns must be returned. False: the connection has no parser that is known.
 */
export function watchHeads(socket: Socket, onHead: OnHead): boolean {
  const parser = parserOf(socket);
  if (parser === undefined) return false;
  const own = parser.onIncoming;
  parser.onIncoming = (request, keepAlive) => onHead(request, () => own(request, keepAlive));
  return true;
}

/** How many names and values of a head are kept, on a connection that has its parser; one with so many may be cut. */
export function cutLengthOf(socket: Socket): number {
  const max = parserOf(socket)?.maxHeaderPairs ?? 0;
  return max > 0 ? max : Infinity;
}

/**
 * Ends the parsing of a connection behind the head of a request, which nobody sees; to be called, and its result to
 * be returned, within {@link OnHead}. `onTaken` gets the bytes behind the head, in the same turn.
 */
export function takeRequest(
  server: Server,
  request: IncomingMessage,
  onTaken: (rest: Buffer) => void,
): unknown {
  const event = request.method === 'CONNECT' ? 'connect' : 'upgrade';
  const nobody = (): void => undefined;
  server.on(event, nobody);
  const restore = interceptEmit(server, (name, args) => {
    if (name !== event || args[0] !== request) return false;
    restore();
    server.removeListener(event, nobody);
    onTaken(Buffer.isBuffer(args[2]) ? args[2] : Buffer.alloc(0));
    return true;
  });
  setUpgrade(request, true);
  return 2;
}

/** Calls `proceed` with every event that the server emits in it kept from its listeners where `takes` says so. */
export function withEvents(server: Server, takes: Takes, proceed: () => unknown): unknown {
  const restore = interceptEmit(server, takes);
  try {
    return proceed();
  } finally {
    restore();
  }
}

/** Whether the parser found a request to leave HTTP: CONNECT, or an upgrade. */
export function wantsUpgrade(request: IncomingMessage): boolean {
  return Reflect.get(request, 'upgrade') === true;
}

/** Says whether Node is to take the request for one that leaves HTTP. */
export function setUpgrade(request: IncomingMessage, upgrade: boolean): void {
  Reflect.set(request, 'upgrade', upgrade);
}

/** The socket that a TLS socket has under it. */
export function socketUnder(socket: object): unknown {
  return Reflect.get(socket, '_parent');
}

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/** Whether an event is kept from its listeners. */
type Takes = (event: string | symbol, args: readonly unknown[]) => boolean;

/**
 * Keeps events from an emitter's listeners. Returns the undo, behind which the emitter keeps an `emit` of its own that
 * asks nobody: taken away again, it would leave V8 with a dictionary of the emitter's properties, and a server slower for
 * all of its requests.
 */
export function interceptEmit(emitter: object, takes: Takes): () => void {
  const asked = askedBy(emitter);
  asked.push(takes);
  return () => {
    const index = asked.lastIndexOf(takes);
    if (index !== -1) asked.splice(index, 1);
  };
}

/** Those that the outermost `emit` of an emitter asks. */
function askedBy(emitter: object): Takes[] {
  const inner: Emit = Reflect.get(emitter, 'emit');
  const known = interceptors.get(inner);
  if (known !== undefined) return known;
  // Others may have put their own around one that was there before.
  const asked: Takes[] = [];
  const outer: Emit = (event, ...args) =>
    asked.some((takes) => takes(event, args)) || Reflect.apply(inner, emitter, [event, ...args]);
  interceptors.set(outer, asked);
  Object.defineProperty(emitter, 'emit', { configurable: true, writable: true, value: outer });
  return asked;
}

const interceptors = new WeakMap<Emit, Takes[]>();

function parserOf(socket: Socket): HeadParser | undefined {
  const parser: unknown = Reflect.get(socket, 'parser');
  return typeof parser === 'object' && parser !== null && 'onIncoming' in parser
    ? (parser as HeadParser)
    : undefined;
}

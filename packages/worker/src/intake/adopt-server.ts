// Puts a site's own server into the listening state without a port, so that connections which another process
// accepted can be given to it and are counted, limited, timed out and closed as if it had accepted them itself.
import type { ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { Way } from '../node/deliver.js';
import { countAsRead, deliver, partsOf, takesParts, wayTo } from '../node/deliver.js';
import type { ConnectionAccount, TcpHandle } from '../node/native-handle.js';
import {
  accept,
  accountOf,
  chargeTo,
  connectionCountOf,
  isListeningOn,
  listenOn,
  tellCount,
  watchConnectionCount,
} from '../node/native-handle.js';
import type { ListenAddress } from './listening-handle.js';
import { ListeningHandle } from './listening-handle.js';

/** Options of {@link adoptServer}. */
export interface AdoptOptions {
  /** What `server.address()` is to say: usually the address at which clients reach the site. */
  address: ListenAddress;
  /** Whether the site's code has told it to listen, and not closed it since. Default: whether it listens. */
  siteListened?: boolean;
  /** Asked whether it takes a connection. Default: it does while it listens. */
  takes?: () => boolean;
  /** Called right before any connection is accepted, and what it returns right after. */
  around?: Around;
}

/**
 * Adopts a net, tls, http, https or http2 server. It emits 'listening' on the next tick, unless it listened
 * already: then it leaves the port that it had bound and keeps its connections.
 *
 * From then on `server.listen(...)` binds nothing, whatever its arguments: the first call runs its callback
 * and emits 'listening', another one without a `close` in between throws ERR_SERVER_ALREADY_LISTEN. After
 * `server.close()` connections are refused until the next `listen`, unless {@link AdoptedServer.onClose} says otherwise.
 * @throws {VhostError} ERR_SERVER_ADOPTED when the server is adopted already.
 */
export function adoptServer(server: Server, options: AdoptOptions): AdoptedServer {
  return new AdoptedServer(server, options);
}

/** A server that takes connections from {@link AdoptedServer.inject} instead of from a port. */
export class AdoptedServer {
  readonly server: Server;
  /**
   * Called with the new count each time a connection opens or is destroyed, synchronously from within Node's
   * bookkeeping: do little and do not throw.
   */
  onConnectionCountChange: ((count: number) => void) | undefined = undefined;
  /** Asked when the site's code closes its listening server; true: it is not to be closed yet. */
  onClose: (() => boolean) | undefined = undefined;
  readonly #address: ListenAddress;
  readonly #ownClose: PropertyDescriptor | undefined;
  readonly #ownListen: PropertyDescriptor | undefined;
  readonly #account: ConnectionAccount;
  readonly #unwatch: () => void;
  readonly #takes: (() => boolean) | undefined;
  readonly #around: Around | undefined;
  #handle: ListeningHandle;
  /** The site has called `listen` since the server was adopted or closed. */
  #siteListened: boolean;
  /** The site has closed it since, and it goes on for a while. */
  #closing = false;
  /** A 'listening' event is on its way. */
  #announcing = false;
  #released = false;

  constructor(server: Server, { address, siteListened, takes, around }: AdoptOptions) {
    if (adopted.has(server)) {
      throw new VhostError('ERR_SERVER_ADOPTED', 'this server takes the connections of a site already');
    }
    adopted.add(server);
    this.server = server;
    this.#address = address;
    this.#takes = takes;
    this.#around = around;
    this.#siteListened = siteListened ?? server.listening;
    this.#handle = this.#startListening();
    this.#ownListen = Object.getOwnPropertyDescriptor(server, 'listen');
    const untyped: object = server;
    const nodeListen: NodeListen = Reflect.get(untyped, 'listen');
    Object.defineProperty(server, 'listen', {
      configurable: true,
      writable: true,
      value: (...args: unknown[]): Server => this.#listen(args, nodeListen),
    });
    this.#ownClose = Object.getOwnPropertyDescriptor(server, 'close');
    const nodeClose: NodeListen = Reflect.get(untyped, 'close');
    Object.defineProperty(server, 'close', {
      configurable: true,
      writable: true,
      value: (...args: unknown[]): Server => {
        if (!this.isListening()) return nodeClose.apply(server, args);
        this.#closing = this.onClose?.() === true;
        // Who was asked may have closed it by now.
        if (!this.#closing && this.isListening()) return nodeClose.apply(server, args);
        const [callback] = args;
        if (typeof callback === 'function') server.once('close', () => Reflect.apply(callback, server, []));
        return server;
      },
    });
    this.#account = accountOf(server);
    this.#unwatch = watchConnectionCount(server, (count) => this.onConnectionCountChange?.(count));
  }

  /**
   * Gives the server an accepted connection and `head`, the bytes already read from it, which are not copied, in the
   * next phase of the event loop for immediates. The handle must not be reading and belongs to the server from here on.
   *
   * `onAccepted` gets the socket when 'connection' has been emitted, or `undefined` when the server refused it and the
   * handle has been closed: `maxConnections` is reached ('drop' was emitted), the server is closed, or it was released.
   * What a listener of the site throws becomes an uncaught exception, as with a connection from a port.
   *
   * `around` is called right before 'connection' is emitted, and what it returns right after.
   */
  inject(
    handle: TcpHandle,
    head: Buffer | undefined,
    onAccepted: OnAccepted = () => undefined,
    around?: Around,
  ): void {
    const bytes = head !== undefined && head.length > 0 ? head : undefined;
    if (bytes === undefined) {
      setImmediate(() => this.#accept(handle, onAccepted));
      return;
    }
    const way = wayTo(this.server);
    const arrival: Arrival = { socket: undefined, session: undefined, bytes, way, around };
    setImmediate(() => this.#accept(handle, onAccepted, arrival));
    if (way === 'buffer') return;
    // All of them run in one phase, before anything is read from the connection; Node empties its queues of ticks and
    // microtasks between two of them, as it does behind each read.
    for (const part of partsOf(bytes, way)) {
      setImmediate(() => {
        const { socket, session } = arrival;
        if (socket !== undefined && arrival.way !== 'buffer') deliver(part, socket, session);
      });
    }
  }

  /** {@link inject} for a connection from which nothing was read, at once. */
  accept(handle: TcpHandle): Socket | undefined {
    let accepted: Socket | undefined;
    try {
      this.#accept(handle, (socket) => {
        accepted = socket;
      });
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
    return accepted;
  }

  #accept(handle: TcpHandle, onAccepted: OnAccepted, arrival?: Arrival): void {
    const { server } = this;
    if (!this.isListening() || this.#takes?.() === false) {
      handle.close();
      return onAccepted(undefined);
    }
    let accepted: Socket | undefined;
    // First of all listeners: another one may end it, and bytes for the buffer are in place before anyone can read.
    const onConnection = (socket: Socket): void => {
      accepted = socket;
      chargeTo(socket, this.#account);
      tellCount(server);
      if (arrival === undefined) return;
      arrival.socket = socket;
      countAsRead(socket, arrival.bytes.length);
      if (arrival.way === 'buffer') socket.unshift(arrival.bytes);
    };
    const onSession = (session: ServerHttp2Session): void => {
      if (arrival !== undefined) arrival.session = session;
    };
    server.prependListener('connection', onConnection);
    if (arrival?.way === 'session') server.prependListener('session', onSession);
    let after: (() => void) | undefined;
    const afterAll = this.#around?.();
    try {
      after = arrival?.around?.();
      accept(this.#handle, handle);
    } catch (error) {
      if (accepted === undefined) handle.close();
      throw error;
    } finally {
      after?.();
      afterAll?.();
      server.removeListener('connection', onConnection);
      if (arrival?.way === 'session') server.removeListener('session', onSession);
      if (accepted !== undefined && arrival !== undefined) putIntoBuffer(arrival, accepted);
      onAccepted(accepted);
    }
  }

  /** Whether {@link inject} would be answered by the server. */
  isListening(): boolean {
    return !this.#released && isListeningOn(this.server, this.#handle);
  }

  /** Whether the site's code has it listen: it has not closed it since. */
  holdsPort(): boolean {
    return this.isListening() && !this.#closing;
  }

  /** The port that `server.address()` reports. */
  get port(): number {
    return this.#address.port;
  }

  /** Open connections of the server, those that it got in another way included. */
  connectionCount(): number {
    return connectionCountOf(this.server);
  }

  /**
   * Ends the adoption: connections are refused, `listen` is Node's own again. Nothing else changes: the server
   * says that it listens until it is closed, and its connections go on. A second call does nothing.
   */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    adopted.delete(this.server);
    this.onConnectionCountChange = undefined;
    this.onClose = undefined;
    this.#unwatch();
    for (const [name, own] of [
      ['listen', this.#ownListen],
      ['close', this.#ownClose],
    ] as const) {
      if (own === undefined) Reflect.deleteProperty(this.server, name);
      else Object.defineProperty(this.server, name, own);
    }
  }

  #startListening(): ListeningHandle {
    const handle = new ListeningHandle(this.#address);
    if (!this.server.listening) {
      this.#announcing = true;
      this.server.prependOnceListener('listening', () => {
        this.#announcing = false;
      });
    }
    listenOn(this.server, handle);
    return handle;
  }

  #listen(args: unknown[], nodeListen: NodeListen): Server {
    const { server } = this;
    if (!server.listening) {
      this.#handle = this.#startListening();
    } else if (this.#siteListened && !this.#closing) {
      return nodeListen.apply(server, args);
    } else if (!this.#announcing) {
      this.#announcing = true;
      process.nextTick(() => {
        this.#announcing = false;
        if (this.isListening()) server.emit('listening');
      });
    }
    this.#siteListened = true;
    this.#closing = false;
    const callback = args.at(-1);
    if (typeof callback === 'function') server.once('listening', () => Reflect.apply(callback, server, []));
    closeOnAbort(server, args[0]);
    return server;
  }
}

/** Gets the socket of a connection, or `undefined` when it was refused. */
export type OnAccepted = (socket: Socket | undefined) => void;

/** Readies a server for one connection; what it returns puts the server back. */
export type Around = () => (() => void) | undefined;

/** A connection on its way into the server. */
interface Arrival {
  socket: Socket | undefined;
  session: ServerHttp2Session | undefined;
  bytes: Buffer;
  way: Way;
  around: Around | undefined;
}

/** Of a server that treats its connections in a way of its own: before it can have read anything. */
function putIntoBuffer(arrival: Arrival, socket: Socket): void {
  if (arrival.way === 'buffer' || takesParts(socket, arrival.session, arrival.way)) return;
  arrival.way = 'buffer';
  if (!socket.destroyed) socket.unshift(arrival.bytes);
}

type NodeListen = (this: unknown, ...args: unknown[]) => Server;

/** The `signal` option of `listen`. */
function closeOnAbort(server: Server, options: unknown): void {
  if (typeof options !== 'object' || options === null || !('signal' in options)) return;
  const { signal } = options;
  if (!(signal instanceof AbortSignal)) return;
  const close = (): void => {
    server.close();
  };
  if (signal.aborted) {
    process.nextTick(close);
    return;
  }
  signal.addEventListener('abort', close, { once: true });
  server.once('close', () => signal.removeEventListener('abort', close));
}

const adopted = new WeakSet<Server>();

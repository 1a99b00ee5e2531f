// Puts a site's own server into the listening state without a port, so that connections which another process
// accepted can be given to it and are counted, limited, timed out and closed as if it had accepted them itself.
import type { Server, Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { TcpHandle } from '../node/native-handle.js';
import {
  accept,
  connectionCountOf,
  isListeningOn,
  listenOn,
  watchConnectionCount,
} from '../node/native-handle.js';
import type { ListenAddress } from './listening-handle.js';
import { ListeningHandle } from './listening-handle.js';

/** Options of {@link adoptServer}. */
export interface AdoptOptions {
  /** What `server.address()` is to say: usually the address at which clients reach the site. */
  address: ListenAddress;
}

/**
 * Adopts a net, tls, http, https or http2 server. It emits 'listening' on the next tick, unless it listened
 * already: then it leaves the port that it had bound and keeps its connections.
 *
 * From then on `server.listen(...)` binds nothing, whatever its arguments: the first call runs its callback
 * and emits 'listening', another one without a `close` in between throws ERR_SERVER_ALREADY_LISTEN. After
 * `server.close()` connections are refused until the next `listen`.
 * @throws {VhostError} ERR_SERVER_ADOPTED when the server is adopted already.
 */
export function adoptServer(server: Server, options: AdoptOptions): AdoptedServer {
  return new AdoptedServer(server, options.address);
}

/** A server that takes connections from {@link AdoptedServer.inject} instead of from a port. */
export class AdoptedServer {
  readonly server: Server;
  /**
   * Called with the new count each time a connection opens or is destroyed, synchronously from within Node's
   * bookkeeping: do little and do not throw.
   */
  onConnectionCountChange: ((count: number) => void) | undefined = undefined;
  readonly #address: ListenAddress;
  readonly #ownListen: PropertyDescriptor | undefined;
  readonly #unwatch: () => void;
  #handle: ListeningHandle;
  /** The site has called `listen` since the server was adopted or closed. */
  #siteListened: boolean;
  /** A 'listening' event is on its way. */
  #announcing = false;
  #released = false;

  /** `siteListened`: whether the site's code has told it to listen, and not closed it since. */
  constructor(server: Server, address: ListenAddress, siteListened: boolean = server.listening) {
    if (adopted.has(server)) {
      throw new VhostError('ERR_SERVER_ADOPTED', 'this server takes the connections of a site already');
    }
    adopted.add(server);
    this.server = server;
    this.#address = address;
    this.#siteListened = siteListened;
    this.#handle = this.#startListening();
    this.#ownListen = Object.getOwnPropertyDescriptor(server, 'listen');
    const untyped: object = server;
    const nodeListen: NodeListen = Reflect.get(untyped, 'listen');
    Object.defineProperty(server, 'listen', {
      configurable: true,
      writable: true,
      value: (...args: unknown[]): Server => this.#listen(args, nodeListen),
    });
    this.#unwatch = watchConnectionCount(server, (count) => this.onConnectionCountChange?.(count));
  }

  /**
   * Gives the server an accepted connection and `head`, the bytes already read from it, which are not copied.
   * The handle must not be reading and belongs to the server from here on.
   *
   * Returns the socket, or `undefined` when the server refused it and the handle has been closed:
   * `maxConnections` is reached ('drop' was emitted), the server is closed, or it was released. It never throws:
   * what a listener of the site throws becomes an uncaught exception, as with a connection from a port.
   * `socket.bytesRead` does not count `head`.
   */
  inject(handle: TcpHandle, head: Buffer | undefined): Socket | undefined {
    const { server } = this;
    if (!this.isListening()) {
      handle.close();
      return undefined;
    }
    let accepted: Socket | undefined;
    const putBack = (socket: Socket): void => {
      accepted = socket;
      if (head !== undefined && head.length > 0) socket.unshift(head);
    };
    // First of all listeners, so that the bytes are in place before anyone can read.
    server.prependListener('connection', putBack);
    try {
      accept(this.#handle, handle);
    } catch (error) {
      if (accepted === undefined) handle.close();
      process.nextTick(() => {
        throw error;
      });
    } finally {
      server.removeListener('connection', putBack);
    }
    return accepted;
  }

  /** Whether {@link inject} would be answered by the server. */
  isListening(): boolean {
    return !this.#released && isListeningOn(this.server, this.#handle);
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
    this.#unwatch();
    if (this.#ownListen === undefined) Reflect.deleteProperty(this.server, 'listen');
    else Object.defineProperty(this.server, 'listen', this.#ownListen);
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
    } else if (this.#siteListened) {
      return nodeListen.apply(server, args);
    } else if (!this.#announcing) {
      this.#announcing = true;
      process.nextTick(() => {
        this.#announcing = false;
        if (this.isListening()) server.emit('listening');
      });
    }
    this.#siteListened = true;
    const callback = args.at(-1);
    if (typeof callback === 'function') server.once('listening', () => Reflect.apply(callback, server, []));
    closeOnAbort(server, args[0]);
    return server;
  }
}

type NodeListen = (...args: unknown[]) => Server;

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

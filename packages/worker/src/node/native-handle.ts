// The undocumented parts of Node that adopting a server needs, their types and every access to them.
// Checked on Node 20.20, 22.23, 24.21 and 26.10. intake/parity*.test.ts and intake/adopt-server.test.ts fail
// where a net.Server internal changes, intake/listens.test.ts where cluster._getServer or the way to `_listen2` does.
//
// net.Server: `_handle`, `_listen2` (binds, or sets up the handle found in `_handle`, and emits 'listening'),
// `_listeningId` (tells a listen still under way that it is outdated), `_connections`, `_emitCloseIfDrained`.
// The listening handle: `onconnection(status, handle)`, and the symbol under which it knows its server.
// net.Socket: `_handle`, `_server` (whose `_connections` its destruction decrements).
// The TCP handle: `reading` (net.Socket's note that it has called readStart). node:cluster: `_getServer`.
/* oxlint-disable no-underscore-dangle -- the names are Node's */
import cluster from 'node:cluster';
import { Server, Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';

/** The libuv handle of an accepted connection, Node's internal `TCP`, as far as it is touched here. */
export interface TcpHandle {
  reading?: boolean;
  close(callback?: () => void): void;
}

/** What net.Server expects of a listening handle. */
export interface ServerHandle {
  /** Set by Node: makes a socket of the handle, counts it and emits 'connection', or drops it. */
  onconnection?: (status: number, connection: TcpHandle) => void;
  listen(backlog: number): number;
  close(callback?: () => void): void;
  ref(): void;
  unref(): void;
  getsockname(out: object): number;
}

/** The arguments with which a server's listen call ends up at its handle. */
export interface ListenQuery {
  address: string | null;
  port: number | null;
  addressType: number | null;
  backlog?: number;
  fd?: number | null;
  flags?: number;
  /** Its app has not asked for an address of its own, by `exclusive` or `reusePort`: node:cluster would share it. */
  shared?: true;
}

/** Decides what becomes of a `listen`; not called for datagram sockets. */
export type ListenHook = (server: Server, query: ListenQuery) => void;

type NodeListen = (
  this: object,
  address: string | null,
  port: number | null,
  addressType: number | null,
  backlog?: number,
  fd?: number | null,
  flags?: number,
) => void;

interface ServerInternals {
  _handle: ServerHandle | null;
  _connections: number;
  _listeningId: number;
  _listen2: NodeListen;
  _emitCloseIfDrained(): void;
}

interface ClusterInternals {
  _getServer: (socket: object, query: ListenQuery, callback: unknown) => void;
}

/**
 * Makes `server` listen on `handle`. A server that does not listen yet emits 'listening' on the next tick; one
 * that does listen moves: what it listened on is closed, its connections stay.
 */
export function listenOn(server: Server, handle: ServerHandle, query?: ListenQuery): void {
  const own = internalsOf(server);
  const previous = own._handle;
  own._listeningId++;
  own._handle = handle;
  if (previous === null) {
    // A handle that is already there is taken as it is, whatever address and port say.
    own._listen2(query?.address ?? null, query?.port ?? 0, query?.addressType ?? 4, query?.backlog);
    return;
  }
  if (previous.onconnection !== undefined) handle.onconnection = previous.onconnection;
  for (const symbol of Object.getOwnPropertySymbols(previous)) {
    if (Reflect.get(previous, symbol) === server) Reflect.set(handle, symbol, server);
  }
  previous.close();
}

/**
 * Listens on a bare handle, whose connections no server gets; returns 0 or an errno. Whatever fails later is for the next
 * connection to show.
 */
export function listenRaw(
  socket: NativeHandle,
  backlog: number,
  onConnection: (connection: NativeHandle) => void,
): number {
  const listening = socket as unknown as ServerHandle;
  listening.onconnection = (status, connection) => {
    if (status === 0) onConnection(connection as unknown as NativeHandle);
  };
  return listening.listen(backlog);
}

/** Whether `server` listens on exactly this handle. */
export function isListeningOn(server: Server, handle: ServerHandle): boolean {
  return internalsOf(server)._handle === handle;
}

/** Lets the server that listens on `listening` accept `connection`, exactly as if the kernel had just offered it. */
export function accept(listening: ServerHandle, connection: TcpHandle): void {
  // The note of a previous owner in this process would make net.Socket believe that reads are under way.
  connection.reading = false;
  listening.onconnection?.(0, connection);
}

/** The number that `getConnections` would report, at once. */
export function connectionCountOf(server: Server): number {
  return internalsOf(server)._connections;
}

/** Gets the new count of a server's connections, from within Node's own bookkeeping: it must not throw. */
export type OnConnectionCount = (count: number) => void;

/**
 * Calls `onChange` whenever a connection of `server` has opened or been destroyed that was charged to an account of the
 * server's; those that it has by now are seen, too. Returns the undo.
 */
export function watchConnectionCount(server: Server, onChange: OnConnectionCount): () => void {
  if (connectionCountOf(server) > 0) return interceptCount(server, onChange);
  countWatchers.set(server, onChange);
  return () => void countWatchers.delete(server);
}

const countWatchers = new WeakMap<Server, OnConnectionCount>();

/**
 * Of a server that has connections already, whose ends are written down in the server itself. A property that becomes an
 * accessor makes V8 keep all of the server's in a dictionary, and every request reads some fifteen of them: the others are
 * spared that.
 */
function interceptCount(server: Server, onChange: OnConnectionCount): () => void {
  let count = connectionCountOf(server);
  Object.defineProperty(server, '_connections', {
    configurable: true,
    enumerable: true,
    get: () => count,
    set: (value: number) => {
      count = value;
      onChange(value);
    },
  });
  return () => {
    Object.defineProperty(server, '_connections', {
      configurable: true,
      enumerable: true,
      writable: true,
      value: count,
    });
  };
}

/**
 * Lets `front` accept a connection within the count and the limits of `server`, and set it up as that one says, until what
 * is returned is called. The values are copied: see {@link interceptCount} for what accessors would cost.
 */
export function borrowAccounting(front: Server, server: Server): () => void {
  for (const name of ACCOUNTING) {
    const value: unknown = Reflect.get(server, name);
    if (Reflect.get(front, name) !== value) Reflect.set(front, name, value);
  }
  const before = connectionCountOf(front);
  return () => {
    const added = connectionCountOf(front) - before;
    if (added === 0) return;
    internalsOf(server)._connections += added;
    tellCount(server);
  };
}

/** Where the end of a connection is written down. */
export interface ConnectionAccount {
  _connections: number;
  _emitCloseIfDrained(): void;
}

/**
 * An account with the connections of `server`, for {@link watchConnectionCount}; it also calls `onEnd`, which must not
 * throw, for each that ends.
 */
export function accountOf(server: Server, onEnd?: () => void): ConnectionAccount {
  const own = internalsOf(server);
  return {
    get _connections() {
      return own._connections;
    },
    set _connections(count) {
      own._connections = count;
      tellCount(server);
      onEnd?.();
    },
    _emitCloseIfDrained: () => own._emitCloseIfDrained(),
  };
}

/** Makes the end of `socket` count there, instead of with the server that accepted it. */
export function chargeTo(socket: Socket, account: ConnectionAccount): void {
  Reflect.set(socket, '_server', account);
}

/** Tells who watches a server's connections how many there are. */
export function tellCount(server: Server): void {
  countWatchers.get(server)?.(connectionCountOf(server));
}

/**
 * Hands `hook` every `listen` of this process that would bind, instead of binding. In a cluster worker the primary is
 * not asked. Returns the undo.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node is unknown.
 */
export function hookListen(hook: ListenHook): () => void {
  const missing = [...missingMembers(), ...missingCluster()];
  if (missing.length > 0) throw changedNode(missing);
  const prototype: object = Server.prototype;
  const original: NodeListen = Reflect.get(prototype, '_listen2');
  const hooked: NodeListen = function listen(address, port, addressType, backlog, fd, flags) {
    const bound = Reflect.get(this, '_handle') !== null;
    if (bound || !(this instanceof Server)) {
      original.call(this, address, port, addressType, backlog, fd, flags);
      return;
    }
    const asked = { address, port, addressType, ...(backlog === undefined ? {} : { backlog }) };
    hook(this, {
      ...asked,
      fd: fd ?? null,
      ...(flags === undefined ? {} : { flags }),
      ...(inCluster ? { shared: true } : {}),
    });
  };
  Reflect.set(prototype, '_listen2', hooked);
  unhookedListen = original;
  const unhookCluster = hookCluster();
  return () => {
    unhookCluster();
    Reflect.set(prototype, '_listen2', original);
    unhookedListen = undefined;
  };
}

/** Lets a `listen` in a cluster worker go on in this process. */
function hookCluster(): () => void {
  const own: object = cluster;
  if (!cluster.isWorker || !isClusterWorker(own)) return () => undefined;
  const original = own._getServer;
  own._getServer = (socket, query, callback) => {
    if (!(socket instanceof Server)) {
      original.call(cluster, socket, query, callback);
      return;
    }
    const { address, port, addressType, backlog, fd, flags } = query;
    inCluster = true;
    try {
      internalsOf(socket)._listen2(address, port, addressType, backlog, fd, flags);
    } finally {
      inCluster = false;
    }
  };
  return () => {
    own._getServer = original;
  };
}

/** A `listen` goes on that node:cluster would have shared. */
let inCluster = false;

/** Node's own `_listen2` while it is hooked. */
let unhookedListen: NodeListen | undefined;

/** Which attempt to listen is the current one of `server`: it changes with every listen, close and adoption. */
export function listenAttempt(server: Server): number {
  return internalsOf(server)._listeningId;
}

/** Does what `listen` does outside of a cluster: binds in this process, reports 'listening' or 'error'. */
export function listenHere(server: Server, query: ListenQuery): void {
  const { address, port, addressType, backlog, fd, flags } = query;
  const own = internalsOf(server);
  (unhookedListen ?? own._listen2).call(own, address, port, addressType, backlog, fd, flags);
}

/**
 * Binds in this process, at once, or listens on a bound handle. A server that does not listen yet emits 'listening' on
 * the next tick; one that does moves there. Where it can't, `onFailed` is called on the next tick with Node's error, and
 * nothing has changed.
 */
export function bindHere(
  server: Server,
  query: ListenQuery,
  onFailed: (error: Error) => void,
  bound?: ServerHandle,
): void {
  const trial = new Server();
  trial.once('error', onFailed);
  if (bound === undefined) listenHere(trial, query);
  else listenOn(trial, bound, query);
  const own = internalsOf(trial);
  const handle = own._handle;
  if (handle === null) return;
  own._handle = null;
  listenOn(server, handle, query);
}

/** Lets a server that does not listen have an address, until {@link giveUpPlace} or {@link stopListening}. */
export function takePlace(server: Server, handle: ServerHandle): void {
  internalsOf(server)._handle = handle;
}

/** Undoes {@link takePlace}. */
export function giveUpPlace(server: Server): void {
  internalsOf(server)._handle = null;
}

/** Lets a server that listens on nothing real say that it does not listen. */
export function stopListening(server: Server): void {
  const own = internalsOf(server);
  own._handle?.close();
  own._handle = null;
}

/**
 * Tries out everything above on throw-away objects; cheap enough for every start of a worker.
 * Returns ERR_NODE_INTERNALS, naming in `info.missing` what this Node lacks, or `undefined`.
 */
export function checkNodeInternals(): VhostError | undefined {
  const missing = [...missingMembers(), ...missingCluster()];
  if (missing.length === 0) missing.push(...failedAccept());
  return missing.length === 0 ? undefined : changedNode(missing);
}

function changedNode(missing: string[]): VhostError {
  return new VhostError(
    'ERR_NODE_INTERNALS',
    `Node ${process.version} has changed inside: ${missing.join(', ')}; connections cannot be handed to a server`,
    { info: { missing, node: process.version } },
  );
}

function internalsOf(server: Server): ServerInternals {
  if (!hasInternals(server)) throw changedNode(missingMembers());
  return server;
}

function hasInternals(server: object): server is ServerInternals {
  return '_handle' in server && '_connections' in server && '_listen2' in server;
}

function isClusterWorker(value: object): value is ClusterInternals {
  return '_getServer' in value && typeof value._getServer === 'function';
}

function missingMembers(): string[] {
  const server: object = new Server();
  const members: [owner: object, name: string, type: string][] = [
    [server, '_handle', 'object'],
    [server, '_connections', 'number'],
    [server, '_listeningId', 'number'],
    [server, '_listen2', 'function'],
    [server, '_emitCloseIfDrained', 'function'],
    [new Socket(), '_server', 'object'],
  ];
  return members
    .filter(([owner, name, type]) => typeof Reflect.get(owner, name) !== type)
    .map(([owner, name]) => `net.${owner.constructor.name}#${name}`);
}

function missingCluster(): string[] {
  return !cluster.isWorker || isClusterWorker(cluster) ? [] : ['cluster._getServer'];
}

/** Takes a made-up connection through listen, accept and destroy, and looks at what Node counted. */
function failedAccept(): string[] {
  const server = new Server();
  let accepted: Socket | undefined;
  server.on('connection', (socket: Socket) => {
    accepted = socket;
  });
  const listening: ServerHandle = {
    listen: nothing,
    close: nothing,
    ref: nothing,
    unref: nothing,
    getsockname: nothing,
  };
  const connection = { readStart: nothing, readStop: nothing, close: nothing };
  try {
    listenOn(server, listening);
    accept(listening, connection);
    if (accepted === undefined) return ['onconnection of the listening handle'];
    if (Reflect.get(accepted, '_handle') !== connection) return ['net.Socket#_handle'];
    if (connectionCountOf(server) !== 1) return ['net.Server#_connections'];
    accepted.destroy();
    return connectionCountOf(server) === 0 ? [] : ['net.Socket#_server'];
  } catch (error) {
    return [`accepting a connection (${String(error)})`];
  } finally {
    internalsOf(server)._handle = null;
  }
}

function nothing(): number {
  return 0;
}

const ACCOUNTING = [
  '_connections',
  'maxConnections',
  'blockList',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
];

// The undocumented parts of Node that adopting a server needs, their types and every access to them.
// Checked on Node 20.20, 22.23, 24.21 and 26.10. intake/parity*.test.ts and intake/adopt-server.test.ts fail
// where a net.Server internal changes, intake/other-listens.test.ts where cluster._getServer does.
//
// net.Server: `_handle`, `_listen2` (sets up the handle found in `_handle` and emits 'listening'),
// `_listeningId` (tells a listen still under way that it is outdated), `_connections`, `_emitCloseIfDrained`.
// The listening handle: `onconnection(status, handle)`, and the symbol under which it knows its server.
// net.Socket: `_handle`, `_server` (whose `_connections` its destruction decrements).
// The TCP handle: `reading` (net.Socket's note that it has called readStart). node:cluster: `_getServer`.
/* oxlint-disable no-underscore-dangle -- the names are Node's */
import cluster from 'node:cluster';
import { Server, Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';

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
}

/** Decides what becomes of a `listen` in a cluster worker; not called for datagram sockets. */
export type ListenHook = (server: Server, query: ListenQuery) => void;

interface ServerInternals {
  _handle: ServerHandle | null;
  _connections: number;
  _listeningId: number;
  _listen2(
    address: string | null,
    port: number | null,
    addressType: number | null,
    backlog?: number,
    fd?: number | null,
    flags?: number,
  ): void;
  _emitCloseIfDrained(): void;
}

interface ClusterInternals {
  _getServer: (socket: object, query: ListenQuery, callback: unknown) => void;
}

/**
 * Makes `server` listen on `handle`. A server that does not listen yet emits 'listening' on the next tick; one
 * that does listen moves: what it listened on is closed, its connections stay.
 */
export function listenOn(server: Server, handle: ServerHandle): void {
  const own = internalsOf(server);
  const previous = own._handle;
  own._listeningId++;
  own._handle = handle;
  if (previous === null) {
    // A handle that is already there is taken as it is, whatever address and port say.
    own._listen2(null, 0, 4);
    return;
  }
  if (previous.onconnection !== undefined) handle.onconnection = previous.onconnection;
  for (const symbol of Object.getOwnPropertySymbols(previous)) {
    if (Reflect.get(previous, symbol) === server) Reflect.set(handle, symbol, server);
  }
  previous.close();
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

/**
 * Calls `onChange` with the new count whenever a connection of `server` opens or has been destroyed, from
 * within Node's own bookkeeping: it must not throw. Returns the undo.
 */
export function watchConnectionCount(server: Server, onChange: (count: number) => void): () => void {
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

/** Lets `front` count its connections with those of `server`, and limit and set them up as `server` says. */
export function shareAccounting(front: Server, server: Server): void {
  for (const name of ACCOUNTING) {
    Object.defineProperty(front, name, {
      configurable: true,
      enumerable: true,
      get: (): unknown => Reflect.get(server, name),
      set: (value: unknown) => {
        Reflect.set(server, name, value);
      },
    });
  }
}

/** Where the end of a connection is written down. */
export interface ConnectionAccount {
  _connections: number;
  _emitCloseIfDrained(): void;
}

/** An account with the connections of `server` that also calls `onEnd`, which must not throw, for each that ends. */
export function accountOf(server: Server, onEnd: () => void): ConnectionAccount {
  const own = internalsOf(server);
  return {
    get _connections() {
      return own._connections;
    },
    set _connections(count) {
      own._connections = count;
      onEnd();
    },
    _emitCloseIfDrained: () => own._emitCloseIfDrained(),
  };
}

/** Makes the end of `socket` count there, instead of with the server that accepted it. */
export function chargeTo(socket: Socket, account: ConnectionAccount): void {
  Reflect.set(socket, '_server', account);
}

/**
 * Hands `hook` what every `listen` in this cluster worker asks for, instead of the primary. Returns the undo.
 * @throws {VhostError} ERR_NODE_INTERNALS in a process that is not a cluster worker, or of an unknown Node.
 */
export function hookClusterListen(hook: ListenHook): () => void {
  const own: object = cluster;
  if (!isClusterWorker(own)) throw changedNode(['cluster._getServer']);
  const original = own._getServer;
  own._getServer = (socket, query, callback) => {
    if (socket instanceof Server) hook(socket, query);
    else original.call(cluster, socket, query, callback);
  };
  return () => {
    own._getServer = original;
  };
}

/** Which attempt to listen is the current one of `server`: it changes with every listen, close and adoption. */
export function listenAttempt(server: Server): number {
  return internalsOf(server)._listeningId;
}

/** Does what `listen` does outside of a cluster: binds in this process, reports 'listening' or 'error'. */
export function listenHere(server: Server, query: ListenQuery): void {
  const { address, port, addressType, backlog, fd, flags } = query;
  internalsOf(server)._listen2(address, port, addressType, backlog, fd, flags);
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

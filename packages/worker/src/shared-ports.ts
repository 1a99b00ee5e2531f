// Servers of the app beside the site's own, on ports that are the same in all workers: the master keeps a socket for each
// such port, and the servers of all workers accept on it, as they do under node:cluster.
import type { Server } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { AppPort } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import { getBuiltinModule } from '@vhostd/transport';
import { Drain } from './drain/drain.js';
import type { DrainOptions } from './drain/drain.js';
import { Http2Sessions } from './drain/http2-sessions.js';
import { WebSockets } from './drain/web-sockets.js';
import { MaintenanceGate } from './maintenance/maintenance-gate.js';
import {
  bindHere,
  connectionCountOf,
  giveUpPlace,
  listenAttempt,
  listenOn,
  stopListening,
  takePlace,
} from './node/native-handle.js';
import type { ListenQuery, ServerHandle } from './node/native-handle.js';
import { endsTls } from './node/secure-server.js';
import { ListeningHandle } from './intake/listening-handle.js';
import type { ListenAddress } from './intake/listening-handle.js';
import { Handshakes } from './tls/handshakes.js';

/** Asks the master for a socket; rejects where there is none to share. */
export type AskForPort = (place: AppPort) => Promise<NativeHandle | undefined>;

interface Sharing {
  readonly address: ListenAddress;
  /** Set once it listens on a shared socket. */
  connections: Pick<DrainOptions, 'sessions' | 'webSockets' | 'handshakes'> | undefined;
}

export class SharedPorts {
  readonly #ask: AskForPort;
  /** Those that listen on a shared socket, or wait for it. */
  readonly #servers = new Map<Server, Sharing>();

  constructor(ask: AskForPort) {
    this.#ask = ask;
  }

  /**
   * Lets a server listen there, on a socket that all workers share; `address()` says where at once. What the master does
   * not share is bound in this process. False: nothing to share, and nothing was done.
   */
  listen(server: Server, query: ListenQuery): boolean {
    const { port } = query;
    if (query.shared !== true || (query.flags !== undefined && query.flags !== 0)) return false;
    if (port === null || port < 1 || typeof query.fd === 'number') return false;
    const address = addressOf(query, port);
    // By itself, which fails: the same socket twice in one process would not.
    if (this.#isTaken(address)) return false;
    this.#servers.set(server, { address, connections: undefined });
    server.once('close', () => this.#servers.delete(server));
    // One that has been told that it listens waits on such a handle already.
    const announced = server.listening;
    if (!announced) takePlace(server, new ListeningHandle(address));
    // Nothing else may keep the process until then: its link alone does not, where the app has no server for the site.
    const alive = setInterval(() => undefined, ALIVE_MS);
    const pending = { server, query, announced, attempt: listenAttempt(server) };
    void this.#ask({ port, ...(query.address === null ? {} : { ipaddress: query.address }) })
      .then(
        (handle) => this.#onAnswer(pending, handle),
        (error: unknown) => {
          if (isForbidden(error)) this.#fail(pending, forbidden(address, error));
          else this.#onAnswer(pending, undefined);
        },
      )
      .finally(() => clearInterval(alive));
    return true;
  }

  /** Stops to accept, which other workers do; resolves when the connections of all of them have ended, or at the limit. */
  async drain(limitMs: number): Promise<void> {
    await Promise.all(
      Array.from(this.#servers, async ([server, { address, connections }]) => {
        if (connections === undefined || !server.listening) return;
        listenOn(server, new ListeningHandle(address));
        const { ended } = new Drain({
          server,
          limitMs,
          connectionCount: () => connectionCountOf(server),
          handBack: false,
          migration: undefined,
          ...connections,
          gate: new MaintenanceGate(server),
          canLinger: () => false,
          onEnd: () => undefined,
          // It is for the app to close, when it is told to end.
          keepsOpen: () => true,
        });
        await ended;
      }),
    );
  }

  /** Without a handle it binds by itself, which fails as it would without a master. */
  #onAnswer(pending: Pending, handle: NativeHandle | undefined): void {
    const { server, query, announced } = pending;
    if (!isPending(pending)) return handle?.close();
    if (!announced) giveUpPlace(server);
    const bound = handle as ServerHandle | undefined;
    bindHere(server, query, (error) => this.#fail(pending, error), bound);
    const sharing = this.#servers.get(server);
    if (sharing === undefined) return;
    if (handle === undefined) this.#servers.delete(server);
    else sharing.connections = followed(server);
  }

  #isTaken({ address, port }: ListenAddress): boolean {
    return [...this.#servers.values()].some(
      (sharing) => sharing.address.port === port && sharing.address.address === address,
    );
  }

  #fail(pending: Pending, error: Error): void {
    const { server } = pending;
    if (listenAttempt(server) !== pending.attempt) return;
    this.#servers.delete(server);
    if (server.listening) stopListening(server);
    // What nobody listens for is an uncaught exception, as with Node's own.
    process.nextTick(() => server.emit('error', error));
  }
}

/** What is known of the connections that a server has from now on. */
function followed(server: Server): NonNullable<Sharing['connections']> {
  const handshakes = new Handshakes();
  if (endsTls(server)) handshakes.watch(server);
  return { sessions: new Http2Sessions(server), webSockets: new WebSockets(server), handshakes };
}

/** A server that waits for its socket. */
interface Pending {
  readonly server: Server;
  readonly query: ListenQuery;
  readonly announced: boolean;
  readonly attempt: number;
}

/** Closed, adopted or told to listen again by now, it does not want the port any more. */
function isPending({ server, attempt }: Pending): boolean {
  return server.listening && listenAttempt(server) === attempt;
}

function addressOf({ address }: ListenQuery, port: number): ListenAddress {
  const shown = address ?? '::';
  return { address: shown, port, family: shown.includes(':') ? 'IPv6' : 'IPv4' };
}

/** The operator's conf forbids it. */
export function isForbidden(error: unknown): error is VhostError {
  return error instanceof VhostError && error.code.startsWith('ERR_ALLOW_');
}

/** Fails a server as the kernel would where another one listens, which has no socket that the kernel knows of. True. */
export function refuseTaken(server: Server, query: ListenQuery): true {
  const { address, port } = addressOf(query, query.port ?? 0);
  const error = systemError('EADDRINUSE', 'listen', `address already in use ${address}:${port}`, {
    address,
    port,
  });
  process.nextTick(() => server.emit('error', error));
  return true;
}

/** As Node words what the kernel forbids, with what the operator allows behind it. */
function forbidden({ address, port }: ListenAddress, cause: VhostError): Error {
  const message = `permission denied ${address}:${port} (${cause.message})`;
  return systemError('EACCES', 'listen', message, { address, port });
}

/** An error as Node makes it of one of the system's. */
export function systemError(
  code: 'EACCES' | 'EADDRINUSE',
  syscall: 'listen' | 'bind',
  message: string,
  place: object,
): Error {
  const { constants } = getBuiltinModule('node:os');
  const fields = { code, errno: -constants.errno[code], syscall, ...place };
  return Object.assign(new Error(`${syscall} ${code}: ${message}`), fields);
}

/** Longer than anything takes, ms. */
export const ALIVE_MS: number = 2 ** 30;

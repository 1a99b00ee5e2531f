// Looks at the host of every request, also on connections that are kept: what is another site's is handed back to
// the master, which routes it like a connection's first request. On TLS and HTTP/2, which cannot move, it is 421.
import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { ConnectionHeader } from '@vhostd/transport';
import {
  interceptEmit,
  isCutHead,
  setUpgrade,
  socketUnder,
  takeRequest,
  wantsUpgrade,
  watchHeads,
  withEvents,
} from '../node/request-heads.js';
import type { SiteHosts } from './host-claims.js';
import { refuseRequest, refuseStream } from './refused-request.js';
import type { RefusedStatus } from './refused-request.js';
import { hostOf, plainHost, strictHost } from './request-host.js';
import type { Rerouting } from './rerouting.js';

export interface HostCheckParts {
  hosts: SiteHosts;
  /** What a connection came with from the master, by its socket or its handle. */
  originOf(connection: object): ConnectionHeader | undefined;
  /** Absent: under this Node connections cannot be handed back. */
  rerouting: Rerouting | undefined;
  /** The path that the master answers by itself. */
  healthPath?: string | undefined;
}

export class HostCheck {
  readonly #server: Server;
  readonly #parts: HostCheckParts;

  constructor(server: Server, parts: HostCheckParts) {
    this.#server = server;
    this.#parts = parts;
    const watchSecure = (socket: Socket): void => this.#watchSecure(socket);
    // Behind the server's own listener, which gives the connection its parser.
    server.on('secureConnection', watchSecure);
    server.on('connection', (socket: Socket) => {
      if ('encrypted' in socket) watchSecure(socket);
    });
    server.on('session', (session: ServerHttp2Session) => this.#watchSession(session));
  }

  /** Begins to look at a connection in clear that the server has just been given. */
  watch(socket: Socket, header: ConnectionHeader): void {
    const listener = header.listener ?? '';
    const { hosts, rerouting, healthPath } = this.#parts;
    // The master has routed what the bytes begin with.
    let isRouted = header.peeked;
    const own = new OwnValue(hosts);
    watchHeads(socket, (request, proceed) => {
      if (isRouted) {
        isRouted = false;
        return proceed();
      }
      if (healthPath !== undefined && rerouting !== undefined && asksFor(healthPath, request)) {
        return takeRequest(this.#server, request, (rest) => rerouting.take(socket, header, request, rest));
      }
      const value = plainHost(request);
      if (own.is(value)) return proceed();
      if (value !== undefined) {
        const host = hostOf(value);
        if (host !== undefined && hosts.has(listener, host)) {
          own.keep(value);
          return proceed();
        }
      }
      if (isCutHead(request)) return this.#refuse(request, 431, proceed);
      if (rerouting === undefined) return this.#refuse(request, 421, proceed);
      return takeRequest(this.#server, request, (rest) => rerouting.take(socket, header, request, rest));
    });
  }

  #watchSecure(socket: Socket): void {
    const under = socketUnder(socket);
    if (typeof under !== 'object' || under === null) return;
    const header = this.#parts.originOf(under);
    if (header === undefined) return;
    const own = new OwnValue(this.#parts.hosts);
    watchHeads(socket, (request, proceed) => {
      if (isCutHead(request)) return this.#refuse(request, 431, proceed);
      const value = plainHost(request);
      if (own.is(value)) return proceed();
      const status = this.#secureStatus(request, header);
      if (status !== undefined) return this.#refuse(request, status, proceed);
      own.keep(value);
      return proceed();
    });
  }

  #secureStatus(request: IncomingMessage, header: ConnectionHeader): RefusedStatus | undefined {
    const reading = strictHost(request);
    if (reading.kind === 'none') return undefined;
    if (reading.kind === 'invalid') return 400;
    return this.#parts.hosts.has(header.listener ?? '', reading.host) ? undefined : 421;
  }

  /** Lets the server take the request, and answers in the place of the site's listeners. */
  #refuse(request: IncomingMessage, status: RefusedStatus, proceed: () => unknown): unknown {
    // Node's parser drops what follows a request that wants to leave HTTP. Behind any other one that is 421 the
    // connection lives on for its own host.
    const ends = status !== 421 || wantsUpgrade(request);
    // An ordinary request then, as where nobody listens for upgrades.
    setUpgrade(request, false);
    return withEvents(
      this.#server,
      (_event, [first, response]) => {
        if (first !== request || !(response instanceof ServerResponse)) return false;
        refuseRequest(response, status, ends);
        return true;
      },
      proceed,
    );
  }

  #watchSession(session: ServerHttp2Session): void {
    let header: ConnectionHeader | undefined;
    interceptEmit(session, (event, args) => {
      if (event !== 'stream') return false;
      header ??= this.#originOfSession(session);
      const [stream, headers] = args as [ServerHttp2Stream, IncomingHttpHeaders];
      const status = header === undefined ? undefined : this.#streamStatus(headers, header);
      if (status === undefined) return false;
      refuseStream(stream, status, headers[':method'] === 'HEAD');
      return true;
    });
  }

  #originOfSession({ socket }: ServerHttp2Session): ConnectionHeader | undefined {
    for (const connection of [socketUnder(socket), Reflect.get(socket, '_handle')] as unknown[]) {
      if (typeof connection !== 'object' || connection === null) continue;
      const header = this.#parts.originOf(connection);
      if (header !== undefined) return header;
    }
    return undefined;
  }

  #streamStatus(headers: IncomingHttpHeaders, header: ConnectionHeader): RefusedStatus | undefined {
    const authority = headers[':authority'];
    const field = headers.host;
    // The authority of a tunnel is where it leads; that of a WebSocket is whose it is (RFC 8441 4).
    const isTunnel = headers[':method'] === 'CONNECT' && headers[':protocol'] === undefined;
    if (isTunnel || (authority ?? field) === undefined) return undefined;
    const host = hostOf(authority ?? field ?? null);
    // RFC 9113 8.3.1: a Host that differs makes the request malformed.
    if (host === undefined || (field !== undefined && hostOf(field) !== host)) return 400;
    return this.#parts.hosts.has(header.listener ?? '', host) ? undefined : 421;
  }
}

/** The last value of a connection's Host fields that was the site's: most of its requests have the same one. */
class OwnValue {
  readonly #hosts: SiteHosts;
  #value: string | null | undefined;
  #version = -1;

  constructor(hosts: SiteHosts) {
    this.#hosts = hosts;
  }

  is(value: string | null | undefined): boolean {
    return value !== undefined && value === this.#value && this.#version === this.#hosts.version;
  }

  /** The site has it, by the routes of now. */
  keep(value: string | null | undefined): void {
    this.#value = value;
    this.#version = this.#hosts.version;
  }
}

/** Whether a request is for this path, whatever its query. */
function asksFor(path: string, { method, url = '' }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const asked = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '');
  return asked === path || asked.startsWith(`${path}?`);
}

// Looks at the host of every request, also on connections that are kept: what is another site's is handed back to
// the master, which routes it like a connection's first request. On TLS and HTTP/2, which cannot move, it is 421; for
// the host that such a connection came for it is served, as its last, when the site has lost that.
import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { WORKER_REFUSALS } from '@vhostd/protocol';
import type { WorkerRefusal } from '@vhostd/protocol';
import type { ConnectionHeader } from '@vhostd/transport';
import {
  cutLengthOf,
  interceptEmit,
  setUpgrade,
  socketUnder,
  takeRequest,
  wantsUpgrade,
  watchHeads,
  withEvents,
} from '../node/request-heads.js';
import type { SiteHosts } from './host-claims.js';
import { refuseRequest, refuseStream } from './refused-request.js';
import type { Refusals } from './refusals.js';
import { hostFaultOf, hostOf, plainHost, strictHost } from './request-host.js';
import type { Rerouting } from './rerouting.js';

export interface HostCheckParts {
  hosts: SiteHosts;
  /** What a connection came with from the master, by its socket or its handle. */
  originOf(connection: object): ConnectionHeader | undefined;
  /** Absent: under this Node connections cannot be handed back. */
  rerouting: Rerouting | undefined;
  /** Gets each refusal. */
  refusals: Refusals;
  /** The path that the master answers by itself. */
  healthPath?: string | undefined;
  /** Whether connections end with their next response. */
  isLeaving(): boolean;
  /** Lets an HTTP/2 connection end once its streams have ended. */
  endSession(session: ServerHttp2Session): void;
}

export class HostCheck {
  readonly #server: Server;
  readonly #parts: HostCheckParts;
  /** By listener. */
  readonly #own = new Map<string, OwnValues>();

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
    const own = this.#ownValuesOf(listener);
    // It goes to nobody else: as over TLS, it ends where the host that it came for is another site's by now.
    const purpose = rerouting === undefined ? new Purpose(hosts, header) : undefined;
    const cutLength = cutLengthOf(socket);
    const refusedLength = cutLength === FIELDS_MAX_LENGTH ? FIELDS_MAX_LENGTH : FIELDS_MAX_LENGTH + 1;
    watchHeads(socket, (request, proceed) => {
      if (isRouted) {
        isRouted = false;
        return proceed();
      }
      if (healthPath !== undefined && asksFor(healthPath, request)) {
        // The master answers it, who has the next connection.
        if (rerouting === undefined) return this.#refuse(request, 'other-host', proceed, true);
        return takeRequest(this.#server, request, (rest) => rerouting.take(socket, header, request, rest));
      }
      const { length } = request.rawHeaders;
      if (length >= refusedLength) return this.#refuse(request, 'too-many-fields', proceed);
      const value = plainHost(request);
      if (own.is(value)) return proceed();
      const host = value === undefined ? undefined : hostOf(value);
      if (host !== undefined && hosts.has(listener, host)) {
        if (purpose?.includes(host) === true && purpose.isLost) return this.#serveLast(request, proceed);
        own.keep(value ?? null);
        return proceed();
      }
      // Of a head that the app has had cut by `maxHeadersCount` the Host may have been dropped.
      if (length >= cutLength) return this.#refuse(request, 'too-many-fields', proceed);
      if (rerouting !== undefined)
        return takeRequest(this.#server, request, (rest) => rerouting.take(socket, header, request, rest));
      const isLast = purpose?.isLost === true;
      if (isLast && host !== undefined && purpose.includes(host)) return this.#serveLast(request, proceed);
      return this.#refuse(request, 'other-host', proceed, isLast);
    });
  }

  #ownValuesOf(listener: string): OwnValues {
    let own = this.#own.get(listener);
    if (own === undefined) {
      own = new OwnValues(this.#parts.hosts);
      this.#own.set(listener, own);
    }
    return own;
  }

  #watchSecure(socket: Socket): void {
    const under = socketUnder(socket);
    if (typeof under !== 'object' || under === null) return;
    const header = this.#parts.originOf(under);
    if (header === undefined) return;
    const { hosts } = this.#parts;
    const own = new OwnValue(hosts);
    const purpose = new Purpose(hosts, header);
    const cutLength = cutLengthOf(socket);
    watchHeads(socket, (request, proceed) => {
      if (request.rawHeaders.length >= cutLength) return this.#refuse(request, 'too-many-fields', proceed);
      const value = plainHost(request);
      if (own.is(value)) return proceed();
      const reading = strictHost(request);
      if (reading.kind === 'invalid') return this.#refuse(request, reading.reason, proceed);
      const isOwn = purpose.includes(reading.kind === 'none' ? undefined : reading.host);
      if (!isOwn) return this.#refuse(request, 'other-host', proceed, purpose.isLost);
      if (purpose.isLost) return this.#serveLast(request, proceed);
      own.keep(value);
      return proceed();
    });
  }

  /** Gives the site the last request of a connection: its client hears with the response that it ends. */
  #serveLast(request: IncomingMessage, proceed: () => unknown): unknown {
    return withEvents(
      this.#server,
      (_event, [first, response]) => {
        if (first === request && response instanceof ServerResponse) {
          response.setHeader('Connection', 'close');
          response.shouldKeepAlive = false;
        }
        return false;
      },
      proceed,
    );
  }

  /** Lets the server take the request, and answers in the place of the site's listeners. */
  #refuse(request: IncomingMessage, reason: WorkerRefusal, proceed: () => unknown, hasLost = false): unknown {
    const status = WORKER_REFUSALS[reason];
    // Node's parser drops what follows a request that wants to leave HTTP. Behind any other one that is 421 the
    // connection lives on for its own host, where that is the site's still.
    const ends = status !== 421 || hasLost || wantsUpgrade(request) || this.#parts.isLeaving();
    // An ordinary request then, as where nobody listens for upgrades.
    setUpgrade(request, false);
    return withEvents(
      this.#server,
      (_event, [first, response]) => {
        if (first !== request || !(response instanceof ServerResponse)) return false;
        this.#parts.refusals.add(reason);
        refuseRequest(response, status, ends);
        return true;
      },
      proceed,
    );
  }

  #watchSession(session: ServerHttp2Session): void {
    const { hosts, refusals } = this.#parts;
    let purpose: Purpose | undefined;
    interceptEmit(session, (event, args) => {
      if (event !== 'stream') return false;
      const header = purpose === undefined ? this.#originOfSession(session) : undefined;
      if (header !== undefined) purpose = new Purpose(hosts, header);
      if (purpose === undefined) return false;
      const [stream, headers] = args as [ServerHttp2Stream, IncomingHttpHeaders];
      const reason = streamRefusal(headers, purpose);
      if (purpose.isLost) this.#parts.endSession(session);
      if (reason === undefined) return false;
      refusals.add(reason);
      refuseStream(stream, WORKER_REFUSALS[reason], headers[':method'] === 'HEAD');
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
}

/** Undefined: the stream is the site's. */
function streamRefusal(headers: IncomingHttpHeaders, purpose: Purpose): WorkerRefusal | undefined {
  const authority = headers[':authority'];
  const field = headers.host;
  // The authority of a tunnel is where it leads; that of a WebSocket is whose it is (RFC 8441 4).
  const isTunnel = headers[':method'] === 'CONNECT' && headers[':protocol'] === undefined;
  const stated = authority ?? field;
  if (isTunnel || stated === undefined) return undefined;
  const host = hostOf(stated);
  const fault = host === undefined ? hostFaultOf(stated) : undefined;
  if (fault !== undefined) return fault;
  // RFC 9113 8.3.1: a Host that differs makes the request malformed.
  if (field !== undefined && hostOf(field) !== host) return 'host-duplicate';
  return purpose.includes(host) ? undefined : 'other-host';
}

/** What a connection that cannot move is for: the host of its hello, else that of its first request. */
class Purpose {
  readonly #hosts: SiteHosts;
  readonly #listener: string;
  #host: string | null | undefined;

  constructor(hosts: SiteHosts, { listener = '', host }: ConnectionHeader) {
    this.#hosts = hosts;
    this.#listener = listener;
    this.#host = host;
  }

  /** Whether the host is another site's by now: then the connection ends. */
  get isLost(): boolean {
    return this.#host !== undefined && !this.#hosts.has(this.#listener, this.#host);
  }

  /** Whether a request on the connection is the site's; undefined: it states no host. */
  includes(host: string | null | undefined): boolean {
    if (host === undefined || host === this.#host) return true;
    const isOwn = this.#hosts.has(this.#listener, host);
    if (isOwn && this.#host === undefined) this.#host = host;
    return isOwn;
  }
}

/** Values of Host fields that were the site's on a listener: most new connections come with one of few. */
class OwnValues {
  readonly #hosts: SiteHosts;
  readonly #values = new Set<string | null>();
  #last: string | null | undefined;
  #version = -1;

  constructor(hosts: SiteHosts) {
    this.#hosts = hosts;
  }

  is(value: string | null | undefined): boolean {
    if (value === undefined || this.#version !== this.#hosts.version) return false;
    return value === this.#last || this.#values.has(value);
  }

  /** The site has it, by the routes of now. */
  keep(value: string | null): void {
    if (this.#version !== this.#hosts.version || this.#values.size >= OWN_MAX_COUNT) this.#values.clear();
    this.#version = this.#hosts.version;
    this.#last = value;
    this.#values.add(value);
  }
}

/** Whoever sends other ones each time, of a site that has all hosts, costs no more memory than these. */
const OWN_MAX_COUNT = 64;

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

/** Names and values of as many fields as the router lets pass; Node keeps no more, so that another Host may be dropped. */
const FIELDS_MAX_LENGTH = 2 * 1000;

/** Whether a request is for this path, whatever its query. */
function asksFor(path: string, { method, url = '' }: IncomingMessage): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const asked = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '');
  return asked === path || asked.startsWith(`${path}?`);
}

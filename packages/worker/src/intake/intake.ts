// Takes the connections that the master hands off: tells the master at once, then gives each to the site's
// server. What the server refuses (closed, too many connections) is closed, as if it had come from a port.
import { Http2Code, http2Goaway, speaksHttp2 } from '@vhostd/protocol';
import type { ConnectionHeader, Frame, Link, NativeHandle } from '@vhostd/transport';
import { CONFIRM_EACH_COUNT, decodeConnection, FrameKind } from '@vhostd/transport';
import { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { hiddenField } from '../node/hidden-field.js';
import { setConnectionEnds } from '../node/connection-ends.js';
import { socketOf } from '../node/socket-handle.js';
import type { HandedBack } from '../rehome/hand-backs.js';
import type { HostCheck } from '../rehome/host-check.js';
import { IdleArrivals } from '../rehome/idle-arrivals.js';
import type { AdoptedServer, Around } from './adopt-server.js';
import type { SecureFront } from './secure-front.js';

export interface IntakeEvents {
  /** Sees each connection that a server took. */
  onSocket?: (socket: Socket) => void;
  /** How many connections the server takes at a time has changed; undefined: any number. */
  onLimit?: (limit: number | undefined) => void;
  /** A connection has come or gone. */
  onCount?: () => void;
}

/** Readies the site's server for a TLS connection that begins with `hello`; what it returns puts the server back. */
export interface SecureTerms {
  prepare(hello: Buffer): (() => void) | undefined;
}

export class Intake {
  /** Connections that came between two requests. */
  readonly arrivals: IdleArrivals = new IdleArrivals((handle, idleMs, socket) => {
    this.#readopt(handle, this.headerOf(socket) ?? UNKNOWN, idleMs);
  });
  readonly #link: Link;
  readonly #onSocket: IntakeEvents['onSocket'];
  readonly #onLimit: IntakeEvents['onLimit'];
  readonly #onCount: IntakeEvents['onCount'];
  #server: AdoptedServer | undefined;
  #secureFront: SecureFront | undefined;
  #secureTerms: SecureTerms | undefined;
  #hostCheck: HostCheck | undefined;
  #waiting: (() => void)[] = [];
  #refusing = false;
  /** Connections that have arrived and are not the server's yet. */
  #arrivingCount = 0;
  #acceptedId = 0;
  /** Accepted since the last report. */
  #unreportedCount = 0;
  #lost: number[] = [];
  /** When what has come is confirmed: in this turn of the event loop; within a moment. */
  #reportsThisTurn = false;
  #reportTimer: NodeJS.Timeout | undefined;
  #reportedCount = 0;
  /** Accepted by this process since it last said so. */
  #directCount = 0;
  #countTimer: NodeJS.Timeout | undefined;
  #limit: number | undefined;
  #accepting = false;

  constructor(link: Link, { onSocket, onLimit, onCount }: IntakeEvents = {}) {
    this.#link = link;
    this.#onSocket = onSocket;
    this.#onLimit = onLimit;
    this.#onCount = onCount;
  }

  /** Sets the server that plain connections go to; those that came before it follow now. */
  setServer(server: AdoptedServer): void {
    this.#server = server;
    server.onConnectionCountChange = () => this.#onCountChange();
    for (const take of this.#waiting.splice(0)) take();
  }

  /** Has every connection in clear looked at that comes from now on. */
  setHostCheck(hostCheck: HostCheck): void {
    this.#hostCheck = hostCheck;
  }

  setSecureFront(front: SecureFront | undefined): void {
    this.#secureFront = front;
  }

  /** Has every TLS connection prepared that comes from now on. */
  setSecureTerms(terms: SecureTerms | undefined): void {
    this.#secureTerms = terms;
  }

  /** Takes a frame of kind `connection`. */
  receive(frame: Frame): void {
    const { handle } = frame;
    const connection = this.#refusing ? undefined : decodeConnection(frame.payload);
    if (connection === undefined) return handle?.close();
    const { number, header, bytes } = connection;
    if (handle === undefined) {
      this.#lost.push(number);
      return this.#reportThisTurn();
    }
    const { claims } = this.#link;
    // The master did not wait for this process to look at it: another worker has it.
    if (claims?.claim(number) === false) return handle.close();
    this.#acceptedId = number;
    this.#unreportedCount += 1;
    if (claims === undefined || this.#unreportedCount >= CONFIRM_EACH_COUNT) this.#reportThisTurn();
    else this.#reportSoon();
    setConnectionEnds(handle, header);
    this.#arrivingCount += 1;
    // The server gets it in a turn behind the report: the site sees no connection that the master does not know of.
    if (this.#server === undefined) this.#waiting.push(() => this.#inject(handle, bytes, header));
    else this.#inject(handle, bytes, header);
  }

  /** Takes a connection that this process has accepted by itself, and that nobody has read from. */
  takeAccepted(handle: NativeHandle, header: ConnectionHeader): void {
    this.#directCount += 1;
    if (!header.secure) {
      const socket = this.#server?.accept(handle);
      if (socket !== undefined) this.#onTaken(socket, handle, header, false);
      return;
    }
    this.#arrivingCount += 1;
    this.#inject(handle, NOTHING_READ, header);
  }

  /** Gives the server a connection back that had left it. */
  readopt({ handle, header, bytes }: HandedBack): void {
    if (bytes === '') return this.#readopt(handle, header);
    this.#arrivingCount += 1;
    this.#inject(handle, Buffer.from(bytes, 'latin1'), header);
  }

  /** What a connection came with from the master; undefined unless it came so, in clear. */
  headerOf(socket: Socket): ConnectionHeader | undefined {
    const header = this.originOf(socket);
    return header?.secure === false ? header : undefined;
  }

  /** What a connection came with from the master, by its socket or its handle. */
  originOf(connection: object): ConnectionHeader | undefined {
    return ORIGIN.of(connection);
  }

  /** From now on nothing is accepted: the master gives what it sends to another worker when this one is gone. */
  refuse(): void {
    this.#refusing = true;
    this.reportNow();
  }

  /** Tells of the server's `maxConnections`, where it is another one than was told last; the app may set it at any time. */
  lookAtLimit(): void {
    const { maxConnections } = this.#server?.server ?? {};
    const limit = typeof maxConnections === 'number' ? maxConnections : undefined;
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.#onLimit?.(limit);
  }

  /** Whether the server has as many connections as it takes. */
  get full(): boolean {
    const { maxConnections } = this.#server?.server ?? {};
    return typeof maxConnections === 'number' && this.connectionCount() >= maxConnections;
  }

  /**
   * While this process accepts by itself, the number of its connections, which changes with each, may be told later: the
   * confirmations of those that the master gives have it as well. As soon as it rests, the master waits for it to fall.
   */
  setAccepting(accepting: boolean): void {
    this.#accepting = accepting;
    if (accepting) return;
    clearTimeout(this.#countTimer);
    this.#countTimer = undefined;
    this.#onCountChange();
  }

  /** Tells the master at once how many connections there are. */
  reportCount(): void {
    this.#report();
  }

  /** Tells the master at once what it would be told soon. */
  reportNow(): void {
    if (this.#reportDue) this.#report();
  }

  /** Connections open now, those included that the server has not been given yet. */
  connectionCount(): number {
    return (this.#server?.connectionCount() ?? 0) + this.#arrivingCount;
  }

  #inject(handle: NativeHandle, head: Buffer, header: ConnectionHeader): void {
    const target = header.secure ? (this.#secureFront ?? this.#server) : this.#server;
    const onAccepted = (socket: Socket | undefined): void => {
      this.#arrivingCount -= 1;
      if (socket === undefined) return;
      this.#onTaken(socket, handle, header, head.length === 0);
    };
    const server = this.#server?.server;
    if (!header.secure && server instanceof HttpServer && speaksHttp2(head)) refuseHttp2(handle);
    else if (target !== undefined) return target.inject(handle, head, onAccepted, this.#around(header, head));
    else handle.close();
    onAccepted(undefined);
  }

  #around(header: ConnectionHeader, hello: Buffer): Around | undefined {
    const terms = header.secure ? this.#secureTerms : undefined;
    return terms && (() => terms.prepare(hello));
  }

  /** Gives the server a connection, at once, of whose next request nothing has been read. */
  #readopt(handle: NativeHandle, header: ConnectionHeader, idleMs = 0): void {
    const socket = this.#server?.accept(handle);
    if (socket === undefined) return;
    this.#onTaken(socket, handle, header, true, idleMs);
  }

  #onTaken(
    socket: Socket,
    handle: NativeHandle,
    header: ConnectionHeader,
    isIdle: boolean,
    idleMs = 0,
  ): void {
    const server = this.#server?.server;
    const isHttp1 = server instanceof HttpServer;
    ORIGIN.set(socket, header);
    // A session of HTTP/2 and a socket of TLS show what is under them.
    if (header.secure || !isHttp1) ORIGIN.set(handle, header);
    if (!header.secure) {
      this.#hostCheck?.watch(socket, header);
      if (isIdle && isHttp1) this.arrivals.add(server, socket, idleMs);
    }
    this.#onSocket?.(socket);
  }

  #onCountChange(): void {
    this.#onCount?.();
    if (this.#reportDue || this.#countTimer !== undefined) return;
    const delayMs = this.#accepting ? ACCEPTING_COUNT_DELAY_MS : COUNT_DELAY_MS;
    this.#countTimer = setTimeout(() => {
      this.#countTimer = undefined;
      if (this.connectionCount() !== this.#reportedCount || this.#directCount > 0) this.#report();
    }, delayMs);
    this.#countTimer.unref();
  }

  get #reportDue(): boolean {
    return this.#reportsThisTurn || this.#reportTimer !== undefined;
  }

  /**
   * A request that kills this process must have been confirmed before: the master would give it to another worker, and
   * that one would die of it, too.
   */
  #reportThisTurn(): void {
    if (this.#reportsThisTurn) return;
    this.#reportsThisTurn = true;
    // Behind all that this turn has read.
    setImmediate(() => {
      if (this.#reportsThisTurn) this.#report();
    });
  }

  /**
   * The master knows of what was claimed when this process dies: that it has come may be told with what follows. Of some,
   * though, it is told at once: whoever tells gets the next ones.
   */
  #reportSoon(): void {
    this.#reportTimer ??= setTimeout(() => this.#report(), CONFIRM_DELAY_MS).unref();
  }

  /** Confirms what has arrived. */
  #report(): void {
    clearTimeout(this.#reportTimer);
    this.#reportTimer = undefined;
    this.#reportsThisTurn = false;
    this.#unreportedCount = 0;
    if (!this.#link.open) return;
    this.lookAtLimit();
    this.#confirm();
  }

  #confirm(): void {
    const count = this.connectionCount();
    if (this.#lost.length > 0) {
      const lost = Buffer.alloc(this.#lost.length * 4);
      this.#lost.forEach((id, index) => lost.writeUInt32BE(id, index * 4));
      // Unsaid, they would be confirmed by what follows.
      if (!this.#link.send(FrameKind.lost, lost.toString('latin1'))) return;
      this.#lost = [];
    }
    const direct = this.#directCount;
    const accepted = Buffer.alloc(direct > 0 ? 12 : 8);
    accepted.writeUInt32BE(this.#acceptedId, 0);
    accepted.writeUInt32BE(count, 4);
    if (direct > 0) accepted.writeUInt32BE(direct, 8);
    if (!this.#link.send(FrameKind.accepted, accepted.toString('latin1'))) return;
    this.#reportedCount = count;
    this.#directCount = 0;
  }
}

/** Node's HTTP/1 server would answer in words that the client can't read. */
function refuseHttp2(handle: NativeHandle): void {
  const socket = socketOf(handle);
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.destroy());
  // A close with unread bytes resets the connection and may take the answer along (RFC 9112 9.6).
  socket.setTimeout(LINGER_MS, () => socket.destroy());
  socket.end(http2Goaway(Http2Code.http11Required, 'HTTP/1.1 only'));
  socket.resume();
}

/** Silence after which a refused client has had its time, ms. */
const LINGER_MS = 1000;

const NOTHING_READ: Buffer = Buffer.alloc(0);

/** What a connection came with, at its socket; at its handle where sockets are wrapped. */
const ORIGIN = hiddenField<ConnectionHeader>();

/** Of a connection that came with nothing. */
const UNKNOWN: ConnectionHeader = { secure: false, peeked: false, handedBack: true };

/** How long a confirmation may wait for others to ride on, ms: far less than a worker may be late. */
const CONFIRM_DELAY_MS = 10;
/** How long a smaller connection count may wait for another report to ride on, ms. */
const COUNT_DELAY_MS = 20;
/** The same, while this process accepts by itself, ms. */
const ACCEPTING_COUNT_DELAY_MS = 100;

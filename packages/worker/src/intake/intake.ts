// Takes the connections that the master hands over: tells the master at once, then gives each to the site's
// server. What the server refuses (closed, too many connections) is closed, as if it had come from a port.
import type { ConnectionHeader, Frame, Link, NativeHandle } from '@vhostd/transport';
import { decodeConnection, FrameKind } from '@vhostd/transport';
import { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { HandedBack } from '../migrate/hand-backs.js';
import { IdleArrivals } from '../migrate/idle-arrivals.js';
import type { AdoptedServer } from './adopt-server.js';
import type { SecureFront } from './secure-front.js';

export class Intake {
  /** Connections that came between two requests. */
  readonly arrivals: IdleArrivals = new IdleArrivals((handle, idleMs, socket) => {
    this.#inject(handle, EMPTY, this.headerOf(socket) ?? UNKNOWN, idleMs);
  });
  readonly #link: Link;
  readonly #onSocket: ((socket: Socket) => void) | undefined;
  #server: AdoptedServer | undefined;
  #secureFront: SecureFront | undefined;
  /** What the plain ones came with. */
  readonly #headers = new WeakMap<Socket, ConnectionHeader>();
  #waiting: (() => void)[] = [];
  #refusing = false;
  /** Those of this turn of the event loop: the site sees none of them before the master knows of it. */
  #arrived: { handle: NativeHandle; head: Buffer; header: ConnectionHeader }[] = [];
  #acceptedId = 0;
  #lost: number[] = [];
  #reportScheduled = false;
  #reportedCount = 0;
  #countTimer: NodeJS.Timeout | undefined;

  /** `onSocket` sees each connection that a server took. */
  constructor(link: Link, onSocket?: (socket: Socket) => void) {
    this.#link = link;
    this.#onSocket = onSocket;
  }

  /** Sets the server that plain connections go to; those that came before it follow now. */
  setServer(server: AdoptedServer): void {
    this.#server = server;
    server.onConnectionCountChange = () => this.#onCountChange();
    for (const take of this.#waiting.splice(0)) take();
  }

  setSecureFront(front: SecureFront | undefined): void {
    this.#secureFront = front;
  }

  /** Takes a frame of kind `connection`. */
  receive(frame: Frame): void {
    const { handle } = frame;
    const connection = this.#refusing ? undefined : decodeConnection(frame.payload);
    if (connection === undefined) return handle?.close();
    const { number, header, bytes } = connection;
    if (handle === undefined) this.#lost.push(number);
    this.#acceptedId = number;
    this.#scheduleReport();
    if (handle !== undefined) this.#arrived.push({ handle, head: bytes, header });
  }

  /** Gives the server a connection back that had left it. */
  readopt({ handle, header, bytes }: HandedBack): void {
    this.#inject(handle, Buffer.from(bytes, 'latin1'), header);
  }

  /** What a connection came with from the master; undefined unless it came so, in clear. */
  headerOf(socket: Socket): ConnectionHeader | undefined {
    return this.#headers.get(socket);
  }

  /** From now on nothing is accepted: the master gives what it sends to another worker when this one is gone. */
  refuse(): void {
    this.#refusing = true;
    this.reportNow();
  }

  /** Tells the master at once what it would be told soon, and gives the server what has arrived. */
  reportNow(): void {
    if (this.#reportScheduled || this.#lost.length > 0) this.#report();
  }

  /** Connections open now, those included that the server has not been given yet. */
  connectionCount(): number {
    return (this.#server?.connectionCount() ?? 0) + this.#arrived.length;
  }

  #inject(handle: NativeHandle, head: Buffer, header: ConnectionHeader, idleMs = 0): void {
    const target = header.secure ? (this.#secureFront ?? this.#server) : this.#server;
    if (target === undefined) return handle.close();
    const socket = target.inject(handle, head.length === 0 ? undefined : head);
    if (socket === undefined) return;
    if (!header.secure) this.#onPlain(socket, head, header, idleMs);
    this.#onSocket?.(socket);
  }

  #onPlain(socket: Socket, head: Buffer, header: ConnectionHeader, idleMs: number): void {
    const server = this.#server?.server;
    this.#headers.set(socket, header);
    if (head.length === 0 && server instanceof HttpServer) this.arrivals.add(server, socket, idleMs);
  }

  #onCountChange(): void {
    if (this.#reportScheduled || this.#countTimer !== undefined) return;
    this.#countTimer = setTimeout(() => {
      this.#countTimer = undefined;
      if (this.connectionCount() !== this.#reportedCount) this.#report();
    }, COUNT_DELAY_MS);
    this.#countTimer.unref();
  }

  #scheduleReport(): void {
    if (this.#reportScheduled) return;
    this.#reportScheduled = true;
    // Once per turn of the event loop, behind all that this turn has read. A request that kills this process must
    // have been confirmed: the master would give it to another worker, and that one would die of it, too.
    setImmediate(() => {
      if (this.#reportScheduled) this.#report();
    });
  }

  /** Confirms what has arrived, then gives it to the server. */
  #report(): void {
    this.#reportScheduled = false;
    if (this.#link.open) this.#confirm();
    for (const { handle, head, header } of this.#arrived.splice(0)) {
      if (this.#server === undefined) this.#waiting.push(() => this.#inject(handle, head, header));
      else this.#inject(handle, head, header);
    }
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
    const accepted = Buffer.alloc(8);
    accepted.writeUInt32BE(this.#acceptedId, 0);
    accepted.writeUInt32BE(count, 4);
    if (this.#link.send(FrameKind.accepted, accepted.toString('latin1'))) this.#reportedCount = count;
  }
}

const EMPTY = Buffer.alloc(0);
/** Of a connection that came with nothing. */
const UNKNOWN: ConnectionHeader = { secure: false, peeked: false, handedBack: true };

/** How long a smaller connection count may wait for another report to ride on, ms. */
const COUNT_DELAY_MS = 20;

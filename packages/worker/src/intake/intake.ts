// Takes the connections that the master hands over: tells the master at once, then gives each to the site's
// server. What the server refuses (closed, too many connections) is closed, as if it had come from a port.
import type { Frame, Link, NativeHandle } from '@vhostd/protocol';
import { CONNECTION_HEADER_BYTES, FrameKind } from '@vhostd/protocol';
import type { Socket } from 'node:net';
import type { AdoptedServer } from './adopt-server.js';
import type { SecureFront } from './secure-front.js';

export class Intake {
  readonly #link: Link;
  readonly #onSocket: ((socket: Socket) => void) | undefined;
  #server: AdoptedServer | undefined;
  #secureFront: SecureFront | undefined;
  #waiting: (() => void)[] = [];
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
    const id = frame.payload.readUInt32BE(0);
    const secure = frame.payload.readUInt8(4) === 1;
    const { handle } = frame;
    if (handle === undefined) this.#lost.push(id);
    this.#acceptedId = id;
    this.#scheduleReport();
    if (handle === undefined) return;
    const head = frame.payload.subarray(CONNECTION_HEADER_BYTES);
    if (this.#server === undefined) this.#waiting.push(() => this.#inject(handle, head, secure));
    else this.#inject(handle, head, secure);
  }

  /** Connections open now. */
  connectionCount(): number {
    return this.#server?.connectionCount() ?? 0;
  }

  #inject(handle: NativeHandle, head: Buffer, secure: boolean): void {
    const target = secure ? (this.#secureFront ?? this.#server) : this.#server;
    if (target === undefined) return handle.close();
    const socket = target.inject(handle, head.length === 0 ? undefined : head);
    if (socket !== undefined) this.#onSocket?.(socket);
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
    // Once per turn of the event loop, behind all that this turn has read.
    setImmediate(() => {
      this.#reportScheduled = false;
      this.#report();
    });
  }

  #report(): void {
    if (!this.#link.open) return;
    const count = this.connectionCount();
    if (this.#lost.length > 0) {
      const lost = Buffer.alloc(this.#lost.length * 4);
      this.#lost.forEach((id, index) => lost.writeUInt32BE(id, index * 4));
      if (this.#link.send(FrameKind.lost, lost.toString('latin1'))) this.#lost = [];
    }
    const accepted = Buffer.alloc(8);
    accepted.writeUInt32BE(this.#acceptedId, 0);
    accepted.writeUInt32BE(count, 4);
    if (this.#link.send(FrameKind.accepted, accepted.toString('latin1'))) this.#reportedCount = count;
  }
}

/** How long a smaller connection count may wait for another report to ride on, ms. */
const COUNT_DELAY_MS = 20;

// The connections on their way back to the master. Until it answers, this process keeps its descriptor of each: a
// master that dies before has given it to nobody, and this worker goes on serving it.
import { decodeHandBackAnswer, encodeConnection, FrameKind } from '@vhostd/transport';
import type { ConnectionHeader, Link, NativeHandle } from '@vhostd/transport';

/** A connection on its way back: with what it came with, and what was read of it and not parsed. */
export interface HandedBack {
  handle: NativeHandle;
  header: ConnectionHeader;
  /** latin1 text; '' between two requests. */
  bytes: string;
}

export interface HandBacksHost {
  /** Called before each frame: what the master must hear before. */
  beforeSend(): void;
  /** The master does not take a connection: it is this worker's again, with what was sent along. */
  onKept(connection: HandedBack): void;
}

export class HandBacks {
  readonly #link: Link;
  readonly #host: HandBacksHost;
  readonly #waiting: (HandedBack & { number: number })[] = [];
  #lastNumber = 0;

  constructor(link: Link, host: HandBacksHost) {
    this.#link = link;
    this.#host = host;
  }

  /** Connections that are sent and not answered. */
  get pendingCount(): number {
    return this.#waiting.length;
  }

  /** Whether another one may be sent now. What waits here is served by nobody, so it is few at a time. */
  get open(): boolean {
    return this.#link.open && this.#waiting.length < PENDING_MAX_COUNT;
  }

  /** Sends a connection that nobody reads from. False: it was not sent and is still the caller's. */
  send(connection: HandedBack): boolean {
    const { handle, header, bytes } = connection;
    if (!this.open) return false;
    this.#host.beforeSend();
    const number = (this.#lastNumber + 1) >>> 0;
    const payload = encodeConnection(number, { ...header, peeked: false, handedBack: true }, bytes);
    if (!this.#link.send(FrameKind.handBack, payload, handle)) return false;
    this.#lastNumber = number;
    this.#waiting.push({ ...connection, number });
    return true;
  }

  /** Takes the payload of a `handBackAnswer` frame. */
  receive(payload: Buffer): void {
    const answer = decodeHandBackAnswer(payload);
    const [first] = this.#waiting;
    if (answer === undefined || first?.number !== answer.number) return;
    this.#waiting.shift();
    if (answer.taken) first.handle.close();
    else this.#host.onKept(first);
  }

  /** The link has ended: what was not answered is this worker's again. */
  end(): void {
    for (const connection of this.#waiting.splice(0)) this.#host.onKept(connection);
  }
}

/** Far below what a Unix socket's buffer holds, so that no write waits. */
const PENDING_MAX_COUNT = 64;

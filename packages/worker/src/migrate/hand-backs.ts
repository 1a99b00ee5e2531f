// The connections on their way back to the master. Until it answers, this process keeps its descriptor of each: a
// master that dies before has given it to nobody, and this worker goes on serving it.
import { decodeHandBackAnswer, encodeHandBack, FrameKind } from '@vhostd/transport';
import type { Link, NativeHandle } from '@vhostd/transport';

export interface HandBacksHost {
  /** Called before each frame: what the master must hear before. */
  beforeSend(): void;
  /** The master does not take a connection: it is this worker's again. */
  onKept(handle: NativeHandle): void;
}

export class HandBacks {
  readonly #link: Link;
  readonly #host: HandBacksHost;
  readonly #waiting: { number: number; handle: NativeHandle }[] = [];
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
  send(handle: NativeHandle): boolean {
    if (!this.open) return false;
    this.#host.beforeSend();
    const number = (this.#lastNumber + 1) >>> 0;
    if (!this.#link.send(FrameKind.handBack, encodeHandBack({ number, head: '' }), handle)) return false;
    this.#lastNumber = number;
    this.#waiting.push({ number, handle });
    return true;
  }

  /** Takes the payload of a `handBackAnswer` frame. */
  receive(payload: Buffer): void {
    const answer = decodeHandBackAnswer(payload);
    const [first] = this.#waiting;
    if (answer === undefined || first?.number !== answer.number) return;
    this.#waiting.shift();
    if (answer.taken) first.handle.close();
    else this.#host.onKept(first.handle);
  }

  /** The link has ended: what was not answered is this worker's again. */
  end(): void {
    for (const { handle } of this.#waiting.splice(0)) this.#host.onKept(handle);
  }
}

/** Far below what a Unix socket's buffer holds, so that no write waits. */
const PENDING_MAX_COUNT = 64;

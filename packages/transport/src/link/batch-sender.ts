// Connections to a worker in batches: many descriptors in one message, over a socket that this process only writes to.
// The numbers of a batch go into a FIFO when the kernel has it. That wakes the worker, which takes them out: by taking a
// number it begins with the connection, so that this process can take back what has not been taken (offers.ts).
//
// Message: [kind, 1 byte]; connections: [count, 1 byte], for each [length, 4 bytes][payload], as in a frame of kind
// `connection`; a part: [number, 4 bytes][bytes] of a payload that is longer than a message, in front of its connection,
// of which the rest comes there.
import { closeSync } from 'node:fs';
import { BATCH_MAX_COUNT, MESSAGE_MAX_BYTES } from '../node/batch-calls.js';
import type { BatchCalls } from '../node/batch-calls.js';
import type { NativeHandle } from '../node/native-handle.js';
import { Offers } from './offers.js';

interface Queued {
  readonly number: number;
  readonly handle: NativeHandle;
  payload: string;
}

export class BatchSender {
  /** Whether the worker takes connections in this way. What is sent otherwise must have been sent before. */
  active = false;
  /** The worker's ends, to be closed here once it has them. */
  readonly childFds: readonly [socket: number, numbers: number];
  readonly #fd: number;
  readonly #calls: BatchCalls;
  readonly #offers: Offers;
  readonly #onBroken: () => void;
  #queue: Queued[] = [];
  #wait: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** The last number whose connection the kernel has. */
  #lastSent: number | undefined;
  /** Those that the kernel has, and whose numbers did not fit into the FIFO. */
  #untold: number[] = [];
  #retryMs = RETRY_MIN_MS;
  #broken = false;

  /**
   * `onBroken`: nothing can be sent any more.
   * @throws {VhostError} ERR_FIFO; or the system's error (EMFILE).
   */
  constructor(calls: BatchCalls, onBroken: () => void) {
    this.#calls = calls;
    this.#onBroken = onBroken;
    this.#offers = new Offers();
    const pair = calls.pair();
    if (pair === undefined) {
      this.#offers.close();
      closeSync(this.#offers.childFd);
      const error: NodeJS.ErrnoException = new Error('no socket can be made: there are no descriptors left');
      error.code = 'EMFILE';
      throw error;
    }
    this.#fd = pair.ours;
    this.childFds = [pair.theirs, this.#offers.childFd];
  }

  /** This process's end. The worker may put descriptors into it: nobody reads it, and it is closed by a helper. */
  get fd(): number {
    return this.#fd;
  }

  /** Takes a connection, which goes with all others of this turn of the event loop. False: nothing can be sent any more. */
  send(number: number, payload: string, handle: NativeHandle): boolean {
    if (this.#broken) return false;
    this.#queue.push({ number, payload, handle });
    if (this.#retry !== undefined) return true;
    if (this.#queue.length >= BATCH_MAX_COUNT) this.#flush();
    else this.#wait ??= setImmediate(() => this.#flush());
    return true;
  }

  /** Whether any waits here. */
  get hasUnsent(): boolean {
    return this.#queue.length > 0;
  }

  /** Whether this one waits here. */
  isUnsent(number: number): boolean {
    return this.#queue.some((queued) => queued.number === number);
  }

  /** Does not send these, if it has not yet. */
  forget(numbers: ReadonlySet<number>): void {
    if (this.#queue.length > 0) this.#queue = this.#queue.filter(({ number }) => !numbers.has(number));
  }

  /** Takes back what the worker has not begun with, and what it was not sent. */
  takeBack(): Set<number> {
    const untold = this.#untold.splice(0);
    const numbers =
      this.#lastSent === undefined
        ? new Set<number>()
        : this.#offers.takeBack(this.#lastSent, untold.length > 0);
    for (const number of untold) numbers.add(number);
    for (const { number } of this.#queue.splice(0)) numbers.add(number);
    return numbers;
  }

  /** Nothing is sent from now on. */
  stop(): void {
    this.#broken = true;
    clearTimeout(this.#retry);
    if (this.#wait !== undefined) clearImmediate(this.#wait);
  }

  /** The worker is dead: nothing is sent from now on, and what it has left is there to be taken back. */
  end(): void {
    this.stop();
    this.#offers.end();
  }

  /** No worker has been started: closes all of it. */
  discard(): void {
    this.#broken = true;
    this.#offers.close();
    for (const fd of [this.#fd, ...this.childFds]) closeSync(fd);
  }

  #flush(): void {
    this.#wait = undefined;
    if (this.#retry !== undefined) return;
    while (this.#tell() && this.#queue.length > 0 && !this.#broken) {
      const numbers = this.#next();
      if (numbers === undefined) return;
      this.#lastSent = numbers.at(-1) ?? this.#lastSent;
      this.#untold.push(...numbers);
    }
  }

  /** Whether the worker knows of all that the kernel has. */
  #tell(): boolean {
    if (this.#untold.length === 0) return true;
    const told = this.#offers.tell(this.#untold);
    if (told === 'full') this.#tryLater();
    else if (told === 'broken') this.#break();
    else this.#untold = [];
    return told === 'told';
  }

  /** Sends the next message; returns whose connections it had. Undefined: that is for later. */
  #next(): number[] | undefined {
    const { outgoing } = this.#calls;
    const [first] = this.#queue;
    if (first === undefined) return [];
    if (first.payload.length > PAYLOAD_MAX_BYTES) return this.#sendPart(first, outgoing);
    const fds: number[] = [];
    const numbers: number[] = [];
    let length = FRONT_BYTES;
    for (const { number, payload, handle } of this.#queue) {
      const next = length + LENGTH_BYTES + payload.length;
      if (fds.length >= BATCH_MAX_COUNT || next > MESSAGE_MAX_BYTES) break;
      outgoing.writeUInt32BE(payload.length, length);
      outgoing.write(payload, length + LENGTH_BYTES, 'latin1');
      length = next;
      fds.push(handle.fd);
      numbers.push(number);
    }
    outgoing[0] = BatchKind.connections;
    outgoing[1] = fds.length;
    if (!this.#send(length, fds)) return undefined;
    this.#queue.splice(0, numbers.length);
    return numbers;
  }

  /** What is too long for a message goes before it, in pieces. */
  #sendPart(queued: Queued, outgoing: Buffer): number[] | undefined {
    // The front of the payload, which has the number, stays with the connection.
    const from = queued.payload.length - PART_MAX_BYTES;
    outgoing[0] = BatchKind.part;
    outgoing.writeUInt32BE(queued.number, 1);
    outgoing.write(queued.payload.slice(from), PART_FRONT_BYTES, 'latin1');
    if (!this.#send(PART_FRONT_BYTES + PART_MAX_BYTES, [])) return undefined;
    queued.payload = queued.payload.slice(0, from);
    return [];
  }

  #send(length: number, fds: readonly number[]): boolean {
    const errno = this.#calls.send(this.#fd, length, fds);
    if (errno === 0) {
      this.#retryMs = RETRY_MIN_MS;
      return true;
    }
    if (PASSING_ERRNOS.has(errno)) this.#tryLater();
    else this.#break();
    return false;
  }

  #tryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
    }, this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }

  #break(): void {
    this.#broken = true;
    this.#onBroken();
  }
}

/** What a message is. */
export const BatchKind = { connections: 1, part: 2 } as const;
export const FRONT_BYTES = 2;
export const LENGTH_BYTES = 4;
export const PART_FRONT_BYTES = 5;
const PAYLOAD_MAX_BYTES: number = MESSAGE_MAX_BYTES - FRONT_BYTES - LENGTH_BYTES;
const PART_MAX_BYTES: number = 16_384;
/**
 * EINTR, EAGAIN, ENOMEM, ENOBUFS, and ETOOMANYREFS: too many descriptors of this user are on their way, unix(7). What
 * waits does so until the worker reads, or another one is given it.
 */
const PASSING_ERRNOS: ReadonlySet<number> = new Set([4, 11, 12, 105, 109]);
/** How soon it is tried again, ms: first, and where that has been in vain for long. */
const RETRY_MIN_MS = 5;
const RETRY_MAX_MS = 50;

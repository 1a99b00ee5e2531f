// The worker's end of batch-sender.ts: reads numbers from the FIFO, which takes them, and the connections that have them
// from the socket.
import { closeSync, readSync } from 'node:fs';
import type { BatchCalls } from '../node/batch-calls.js';
import type { NativePipe } from '../node/native-handle.js';
import { createPlainPipe, openTcp } from '../node/pipe-internals.js';
import { BatchKind, FRONT_BYTES, LENGTH_BYTES, PART_FRONT_BYTES } from './batch-sender.js';
import type { Frame } from './frame.js';
import { FrameKind } from './frame.js';
import { ENTRY_BYTES, isUpTo, readEntries } from './offers.js';

interface Arrived {
  readonly payload: Buffer;
  /** Undefined: it was lost on the way. */
  readonly fd: number | undefined;
}

export class BatchReceiver {
  readonly #socketFd: number;
  readonly #numbers: NativePipe;
  readonly #calls: BatchCalls;
  readonly #onConnection: (frame: Frame) => void;
  readonly #entries = Buffer.alloc(READ_MAX_COUNT * ENTRY_BYTES);
  #readBytes = 0;
  #isClosed = false;
  /** What has come and was not taken yet. */
  readonly #arrived = new Map<number, Arrived>();
  /** Of a payload that is longer than a message. */
  #parts: { number: number; bytes: Buffer } | undefined;

  /** Gets a frame of kind `connection` for each, in order, which this process has taken: nobody else has it. */
  constructor(
    [socketFd, numbersFd]: readonly [socket: number, numbers: number],
    calls: BatchCalls,
    onConnection: (frame: Frame) => void,
  ) {
    this.#socketFd = socketFd;
    this.#calls = calls;
    this.#onConnection = onConnection;
    this.#numbers = createPlainPipe();
    this.#numbers.open(numbersFd);
  }

  /** From now on connections come. */
  start(): void {
    const numbers = this.#numbers;
    numbers.onread = (chunk) => {
      this.#onRead(chunk);
    };
    numbers.useUserBuffer?.(this.#entries);
    numbers.readStart();
    // The link keeps the process alive, or does not.
    numbers.unref();
  }

  /** The master is gone: takes what it has left. */
  takeRest(): void {
    while (this.#readNow());
  }

  /** Takes nothing more: what was not taken is another worker's. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#numbers.close();
    this.#closeArrived(() => true);
    closeSync(this.#socketFd);
  }

  #onRead(chunk: ArrayBuffer | undefined): void {
    const length = this.#numbers.bytesRead - this.#readBytes;
    this.#readBytes += length;
    if (length > 0) {
      // Others are to have a turn, and what is not taken yet may go to another worker.
      if (length >= this.#entries.length) this.#pause();
      this.#onNumbers(
        chunk === undefined ? this.#entries.subarray(0, length) : Buffer.from(chunk, 0, length),
      );
    } else {
      // The end, or nothing to read after all, as where the master has taken back what was there.
      this.#readNow();
    }
  }

  #pause(): void {
    this.#numbers.readStop();
    setImmediate(() => {
      if (!this.#isClosed) this.#numbers.readStart();
    });
  }

  /** False: there is nothing. */
  #readNow(): boolean {
    if (this.#isClosed) return false;
    try {
      const length = readSync(this.#numbers.fd, this.#entries);
      if (length > 0) this.#onNumbers(this.#entries.subarray(0, length));
      else this.close();
      return length > 0;
    } catch {
      return false;
    }
  }

  #onNumbers(bytes: Buffer): void {
    for (const { number, takenBack } of readEntries(bytes)) {
      if (takenBack) this.#drop(number);
      else this.#begin(number);
    }
  }

  /** Receives no more than it has to: what is left in the kernel is nobody's descriptor yet. */
  #begin(number: number): void {
    while (!this.#arrived.has(number) && this.#receive());
    const arrived = this.#arrived.get(number);
    if (arrived === undefined) return;
    this.#arrived.delete(number);
    const { payload, fd } = arrived;
    const handle = fd === undefined ? undefined : openTcp(fd);
    const frame: Frame = { kind: FrameKind.connection, payload, handle, handleLost: handle === undefined };
    try {
      this.#onConnection(frame);
    } catch (error) {
      // Thrown from here it would take those behind along.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** All up to this one that were not taken are another worker's. */
  #drop(last: number): void {
    do this.#closeArrived((number) => isUpTo(number, last));
    while (this.#receive());
  }

  #closeArrived(which: (number: number) => boolean): void {
    for (const [number, { fd }] of this.#arrived) {
      if (!which(number)) continue;
      this.#arrived.delete(number);
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** Takes the next message off the socket; false: there is none. */
  #receive(): boolean {
    const message = this.#isClosed ? undefined : this.#calls.receive(this.#socketFd);
    if (message === undefined) return false;
    const { bytes, fds } = message;
    if (bytes[0] === BatchKind.part) this.#takePart(bytes);
    else this.#takeConnections(bytes, fds);
    return true;
  }

  #takePart(bytes: Buffer): void {
    const number = bytes.readUInt32BE(1);
    const part = bytes.subarray(PART_FRONT_BYTES);
    // The last one comes first.
    const behind = this.#parts?.number === number ? this.#parts.bytes : Buffer.alloc(0);
    this.#parts = { number, bytes: Buffer.concat([part, behind]) };
  }

  #takeConnections(bytes: Buffer, fds: readonly number[]): void {
    const own = Buffer.from(bytes);
    let at = FRONT_BYTES;
    for (let index = 0; index < (own[1] ?? 0); index += 1) {
      const start = at + LENGTH_BYTES;
      at = start + own.readUInt32BE(at);
      let payload = own.subarray(start, at);
      const number = payload.readUInt32BE(0);
      if (this.#parts?.number === number) payload = Buffer.concat([payload, this.#parts.bytes]);
      this.#arrived.set(number, { payload, fd: fds[index] });
    }
    this.#parts = undefined;
  }
}

/** Numbers that are taken at once, in a turn of the event loop. */
const READ_MAX_COUNT = 16;

// Whose a connection is that was sent to a child which may not have looked at it: whoever takes its number out of a
// FIFO that both ends read. A read takes a number once, whoever else reads at that moment; so the parent can take back
// what the child has not begun with, though the descriptor itself has long been sent, and knows of a dead child what
// that has begun with, though it may not have said so.
//
// Entry: [number, 4 bytes big endian][kind, 4 bytes big endian]. Numbers count up and wrap at 2^32.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { fifos } from '../node/fifo.js';

/** The parent's side: the numbers of what it has sent, and of some that it will send next. */
export class Offers {
  /** The child's end, which is its own: how it sets that one does not matter here. Closed once the child has it. */
  readonly childFd: number;
  readonly #readFd: number;
  readonly #writeFd: number;
  readonly #entries = Buffer.alloc(AHEAD_COUNT * ENTRY_BYTES);
  /** The last that is in the FIFO, or was. */
  #lastNumber: number | undefined;
  #closed = false;
  /** What the child had not taken when it died. */
  #left: Buffer = Buffer.alloc(0);

  /** @throws {VhostError} ERR_FIFO; or the system's error (EMFILE). */
  constructor() {
    const { readFd, writeFd } = fifos.take();
    closeSync(writeFd);
    const opened = [readFd];
    try {
      const path = `/proc/self/fd/${readFd}`;
      opened.push(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
      opened.push(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    } catch (error) {
      for (const fd of opened) closeSync(fd);
      throw error;
    }
    [this.#readFd, this.#writeFd, this.childFd] = opened as [number, number, number];
  }

  /** To be called before what has this number is sent, with one number after the other. False: it cannot be sent now. */
  offer(number: number): boolean {
    if (this.#closed) return false;
    // Some are written at once, which costs as much as one.
    if (this.#lastNumber !== undefined && distance(number, this.#lastNumber) < AHEAD_COUNT) return true;
    for (let index = 0; index < AHEAD_COUNT; index += 1) {
      this.#entries.writeUInt32BE((number + index) >>> 0, index * ENTRY_BYTES);
      this.#entries.writeUInt32BE(OFFERED, index * ENTRY_BYTES + NUMBER_BYTES);
    }
    if (!this.#write(this.#entries)) return false;
    this.#lastNumber = (number + AHEAD_COUNT - 1) >>> 0;
    return true;
  }

  /**
   * For a child that begins with what it takes at once: these numbers and no others may be taken, and what has them has
   * been sent. `full`: the child has to take some first; `broken`: they can't be told.
   */
  tell(numbers: readonly number[]): Told {
    if (this.#closed) return 'broken';
    numbers.forEach((number, index) => {
      this.#entries.writeUInt32BE(number, index * ENTRY_BYTES);
      this.#entries.writeUInt32BE(OFFERED, index * ENTRY_BYTES + NUMBER_BYTES);
    });
    return this.#put(this.#entries.subarray(0, numbers.length * ENTRY_BYTES));
  }

  /**
   * Takes back what the child has not taken: its numbers, up to the last that was sent, and whatever else the child has
   * written there. `untold`: the child has been sent some whose numbers it was not told.
   */
  takeBack(lastSent: number, untold = false): Set<number> {
    const bytes = this.#closed ? this.#left : readAll(this.#readFd);
    this.#left = Buffer.alloc(0);
    this.#lastNumber = undefined;
    const numbers = new Set<number>();
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const number = bytes.readUInt32BE(at);
      const isOffer = bytes.readUInt32BE(at + NUMBER_BYTES) === OFFERED;
      if (isOffer && distance(number, lastSent) < HALF) numbers.add(number);
    }
    // So that the child takes none of what follows before it has come.
    if (!this.#closed && (bytes.length > 0 || untold)) {
      const entry = Buffer.alloc(ENTRY_BYTES);
      entry.writeUInt32BE(lastSent, 0);
      entry.writeUInt32BE(TAKEN_BACK, NUMBER_BYTES);
      this.#write(entry);
    }
    return numbers;
  }

  /** The child is dead: nothing is offered from now on, and what it has left is there to be taken back. */
  end(): void {
    if (!this.#closed) this.#left = readAll(this.#readFd);
    this.close();
  }

  /** Nothing is offered or taken back from now on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#readFd);
    closeSync(this.#writeFd);
  }

  /** All of it or nothing: it is shorter than PIPE_BUF, pipe(7). */
  #write(bytes: Buffer): boolean {
    return this.#put(bytes) === 'told';
  }

  #put(bytes: Buffer): Told {
    try {
      return writeSync(this.#writeFd, bytes) === bytes.length ? 'told' : 'broken';
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? 'full' : 'broken';
    }
  }
}

/**
 * What came of telling numbers. A FIFO has room for 8192 entries, or for 1024 where its user has very many pipes and is
 * not root, pipe(7).
 */
export type Told = 'told' | 'full' | 'broken';

/** The child's side. */
export class Claims {
  readonly #fd: number;
  readonly #entry = Buffer.alloc(ENTRY_BYTES);
  /** Taken, and what has it has not come yet. */
  #next: number | undefined;
  /** The parent has taken back all up to this one that had not been claimed. */
  #backUpTo: number | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** To be called once for all that comes, in order; false: the parent has taken it back, and somebody else has it. */
  claim(number: number): boolean {
    for (;;) {
      if (this.#backUpTo !== undefined && distance(number, this.#backUpTo) < HALF) return false;
      if (this.#next === undefined && !this.#take()) return false;
      // That was how far it has been taken back.
      if (this.#next === undefined) continue;
      const ahead = distance(number, this.#next);
      if (ahead > 0 && ahead < HALF) return false;
      this.#next = undefined;
      // What is before it was never sent, or has lost its way here.
      if (ahead > 0) continue;
      this.#backUpTo = undefined;
      return true;
    }
  }

  /** Reads the next entry; false: there is none. */
  #take(): boolean {
    if (readNow(this.#fd, this.#entry) !== ENTRY_BYTES) return false;
    const number = this.#entry.readUInt32BE(0);
    if (this.#entry.readUInt32BE(NUMBER_BYTES) === TAKEN_BACK) this.#backUpTo = number;
    else this.#next = number;
    return true;
  }
}

/** What an entry says: this number was offered, or all up to it have been taken back. */
export interface OfferEntry {
  number: number;
  takenBack: boolean;
}

/** The entries of a read, which is of whole ones. */
export function readEntries(bytes: Buffer): OfferEntry[] {
  const entries: OfferEntry[] = [];
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const takenBack = bytes.readUInt32BE(at + NUMBER_BYTES) === TAKEN_BACK;
    entries.push({ number: bytes.readUInt32BE(at), takenBack });
  }
  return entries;
}

/** Whether a number is not after another one. Numbers wrap at 2^32. */
export function isUpTo(number: number, last: number): boolean {
  return distance(number, last) < HALF;
}

/** How far it is from a number to a later one. */
function distance(from: number, to: number): number {
  return (to - from) >>> 0;
}

/** All that a FIFO holds. */
function readAll(fd: number): Buffer {
  const bytes = Buffer.allocUnsafe(READ_BYTES);
  return bytes.subarray(0, readNow(fd, bytes));
}

/** How much could be read without waiting. */
function readNow(fd: number, bytes: Buffer): number {
  try {
    return readSync(fd, bytes);
  } catch {
    return 0;
  }
}

/** The child confirms at once when it has claimed so many; fewer may ride on what it says next. */
export const CONFIRM_EACH_COUNT = 8;

const NUMBER_BYTES = 4;
/** The length of an entry. */
export const ENTRY_BYTES = 8;
const OFFERED = 0;
const TAKEN_BACK = 1;
/** Numbers that are written at once. */
const AHEAD_COUNT = 64;
/** Numbers this far apart are in the reverse order. */
const HALF = 0x8000_0000;
const READ_BYTES = 65_536;

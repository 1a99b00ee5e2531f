// Whose a connection is that was sent to a child which may not have looked at it: whoever takes its number out of a
// FIFO that both ends read. A read takes a number once, whoever else reads at that moment; so the parent can take back
// what the child has not begun with, though the descriptor itself has long been sent.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { fifos } from '../node/fifo.js';

/** The parent's side: the numbers of what it has sent. */
export class Offers {
  /** The child's end, which is its own: how it sets that one does not matter here. Closed once the child has it. */
  readonly childFd: number;
  readonly #readFd: number;
  readonly #writeFd: number;
  readonly #number = Buffer.alloc(NUMBER_BYTES);
  #closed = false;

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

  /** To be called before what has this number is sent. False: it cannot be sent now. */
  offer(number: number): boolean {
    if (this.#closed) return false;
    this.#number.writeUInt32BE(number, 0);
    try {
      return writeSync(this.#writeFd, this.#number) === NUMBER_BYTES;
    } catch {
      return false;
    }
  }

  /** Takes back what the child has not taken: its numbers, and whatever else the child has written there. */
  takeBack(): Set<number> {
    const numbers = new Set<number>();
    if (this.#closed) return numbers;
    const bytes = Buffer.allocUnsafe(READ_BYTES);
    const length = readNow(this.#readFd, bytes);
    for (let at = 0; at + NUMBER_BYTES <= length; at += NUMBER_BYTES) numbers.add(bytes.readUInt32BE(at));
    return numbers;
  }

  /** Nothing is offered or taken back from now on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#readFd);
    closeSync(this.#writeFd);
  }
}

/** The child's side. */
export class Claims {
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(NUMBER_BYTES);
  /** Taken, and what has it has not come yet. */
  #next: number | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** To be called once for all that comes, in order; false: the parent has taken it back, and somebody else has it. */
  claim(number: number): boolean {
    for (;;) {
      this.#next ??= this.#take();
      if (this.#next === undefined) return false;
      const ahead = (this.#next - number) >>> 0;
      // What is before it was never sent, or has lost its way here. Numbers wrap at 2^32.
      if (ahead === 0 || ahead >= 0x8000_0000) this.#next = undefined;
      if (ahead === 0) return true;
      if (ahead < 0x8000_0000) return false;
    }
  }

  #take(): number | undefined {
    return readNow(this.#fd, this.#bytes) === NUMBER_BYTES ? this.#bytes.readUInt32BE(0) : undefined;
  }
}

/** How much could be read without waiting. */
function readNow(fd: number, bytes: Buffer): number {
  try {
    return readSync(fd, bytes);
  } catch {
    return 0;
  }
}

const NUMBER_BYTES = 4;
/** All that a FIFO holds. */
const READ_BYTES = 65_536;

// Reads what a process prints in gulps. A pipe is readable again after each line that a process writes: read as it comes,
// a hundred thousand lines cost as many reads, and the reader's time, where a hundred reads take them all.
import { Socket } from 'node:net';
import type { SocketConstructorOpts, TcpNetConnectOpts as ConnectOpts } from 'node:net';
import { Readable } from 'node:stream';

/**
 * The reading end of a FIFO as a stream, which owns the descriptor. What it gives is to be read, or copied, before the
 * listener of 'data' returns: the same memory is read into again.
 */
export class FifoReader extends Readable {
  readonly #socket: Socket;
  /** A gulp is wanted as soon as its time has come. */
  #isWanted = false;
  #isResting = false;

  /** @param fd does not block. */
  constructor(fd: number) {
    // Nothing is read ahead for one who has paused.
    super({ highWaterMark: 0 });
    // Node's types know `onread`, which net.Socket documents, only where a socket connects.
    const options: SocketConstructorOpts & Pick<ConnectOpts, 'onread'> = {
      fd,
      writable: false,
      onread: { buffer: GULP, callback: (bytes) => this.#onGulp(bytes) },
    };
    this.#socket = new Socket(options);
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.once('end', () => this.push(null));
    this.#socket.once('close', () => this.push(null));
  }

  override _read(): void {
    this.#isWanted = true;
    if (!this.#isResting) this.#socket.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }

  /** False: nothing is read until somebody resumes. */
  #onGulp(bytes: number): boolean {
    this.#isWanted = false;
    this.#isResting = true;
    if (bytes >= LARGE_BYTES) setImmediate(() => this.#go());
    else setTimeout(() => this.#go(), GATHER_MS);
    const gulp = GULP.subarray(0, bytes);
    // Where nothing waits it is listened to at once. A copy of each would be garbage of which V8 lets 64 MB gather.
    const isHeard =
      this.readableFlowing === true && this.readableLength === 0 && this.listenerCount('data') > 0;
    this.push(isHeard ? gulp : Buffer.from(gulp));
    return false;
  }

  #go(): void {
    this.#isResting = false;
    if (this.#isWanted && !this.destroyed) this.#socket.resume();
  }
}

/** What a pipe of Linux holds (pipe(7)). Each gulp is heard, or copied, before the next one, of whichever process, is read. */
const GULP = Buffer.alloc(65_536);
/** After less than this it is worth waiting for more. */
const LARGE_BYTES = 16_384;
/** How long, ms: nobody who looks at a log notices. */
const GATHER_MS = 2;

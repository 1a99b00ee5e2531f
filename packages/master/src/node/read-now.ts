// Reads what a new connection has sent already, without waking up for it: a read(2) on the descriptor of a handle
// that libuv does not read. It spares the event loop a registration, a wake-up and a buffer for each connection.
// Undocumented: the handle's `fd`. Checked on Node 20.20, 22.23, 24.21 and 26.10; where there is none (Windows),
// nothing is read and the event loop does it.
import { readSync } from 'node:fs';
import type { NativeHandle } from '@vhostd/transport';

/** What a try came to: bytes, the end of the stream, or nothing yet. */
export type ReadNow = Buffer | 'end' | 'nothing';

/**
 * Tries to read from connections that were just accepted, as long as that mostly succeeds: a try in vain costs more
 * than it spares. The more connections wait to be accepted, the more of them have sent something.
 */
export class ImmediateReader {
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  /** Tries of late that succeeded, as a moving average from 0 to 1. */
  #success = 1;
  #skipped = 0;

  /** The bytes are valid until the next call. Not a byte more leaves the kernel. */
  read(handle: NativeHandle): ReadNow {
    if (this.#success < WORTH_TRYING && (this.#skipped += 1) < RETRY_EVERY) return 'nothing';
    this.#skipped = 0;
    const { fd } = handle;
    if (typeof fd !== 'number' || fd < 0) return 'nothing';
    const result = this.#try(fd);
    this.#success += ((result === 'nothing' ? 0 : 1) - this.#success) * WEIGHT;
    return result;
  }

  #try(fd: number): ReadNow {
    const { stackTraceLimit } = Error;
    // A stack for the error of each try in vain would be its greatest cost.
    Error.stackTraceLimit = 0;
    try {
      const bytes = readSync(fd, this.#buffer, 0, BUFFER_BYTES, null);
      return bytes === 0 ? 'end' : this.#buffer.subarray(0, bytes);
    } catch {
      // Mostly EAGAIN; an error of the connection comes up again where it is read for good.
      return 'nothing';
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }
}

/** As much as libuv reads at once. */
const BUFFER_BYTES = 65_536;
/** Share of tries that must succeed. */
const WORTH_TRYING = 0.4;
/** Of the connections that are not tried, one in so many is, to see whether that has changed. */
const RETRY_EVERY = 16;
/** Weight of the last try. */
const WEIGHT = 1 / 16;

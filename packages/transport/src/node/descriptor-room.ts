// Whether this process is about to run out of descriptors. At the last one libuv takes connections only to close them,
// good ones as well; so room is made before. The kernel gives the lowest number that is free: a new descriptor near the
// limit means that there is hardly one below it. Where there is no /proc, there is always room.
import { closeSync, openSync, readFileSync } from 'node:fs';

export class DescriptorRoom {
  readonly #readLimit: () => number;
  readonly #now: () => number;
  #limit: number;
  #readMs: number;

  /** Both are replaced by tests. */
  constructor(readLimit: () => number = ownLimit, now: () => number = () => performance.now()) {
    this.#readLimit = readLimit;
    this.#now = now;
    this.#limit = readLimit();
    this.#readMs = now();
  }

  /** How many must be closed so that the reserve is free, by the number of the descriptor that was just given. */
  missing(fd: number | undefined): number {
    if (fd === undefined || fd < 0) return 0;
    const nowMs = this.#now();
    // It may be changed from outside.
    if (nowMs - this.#readMs >= READ_EVERY_MS) {
      this.#readMs = nowMs;
      this.#limit = this.#readLimit();
    }
    return Math.max(0, fd + 1 - (this.#limit - reserveOf(this.#limit)));
  }

  /** {@link missing} by a descriptor that is taken for a try. With none left nobody accepts any, so nobody is told. */
  missingNow(): number {
    try {
      const fd = openSync('/dev/null', 'r');
      closeSync(fd);
      return this.missing(fd);
    } catch {
      return reserveOf(this.#limit);
    }
  }
}

/** What workers that start, links and log files need meanwhile. */
function reserveOf(limit: number): number {
  return Math.min(RESERVE_MAX, Math.floor(limit / 4));
}

function ownLimit(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return found === undefined ? Infinity : Number(found);
  } catch {
    return Infinity;
  }
}

const RESERVE_MAX = 128;
const READ_EVERY_MS = 200;

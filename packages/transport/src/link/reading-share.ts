// The share of this process's time that reading from untrusted children may take: an account in milliseconds of work,
// which time fills up. Counting time covers whatever a child thinks of: empty frames, calls, brackets, lines.
import { readFileSync } from 'node:fs';

/** How much. */
export interface ReadingShareOptions {
  /** Part of the time, 0 to 1. Default 0.2. */
  part: number;
  /** Work that may be done at once after a pause, ms. Default 200. */
  burstMs: number;
  /** Who was overdrawn lately, and when. Default: that of this process. */
  excess: Map<ReadingShare, number>;
  /** For how long this thread has waited for a processor since it began, ms. Default: what the kernel says. */
  waitedMs: (nowMs: number) => number;
}

/** Hears when reading from the children of a share begins, and when what it causes is done. */
export interface ReadingWatch {
  begin(): void;
  end(): void;
}

/** The account of one site: its children share it. */
export class ReadingShare {
  /** Those of this process that were overdrawn lately, and when. */
  static readonly #excess = new Map<ReadingShare, number>();
  /** Default: nobody. */
  watch: ReadingWatch | undefined;
  readonly #options: ReadingShareOptions;
  #balanceMs: number;
  #atMs: number | undefined;
  /** What the kernel counted at the last charge; undefined: it was not asked then. */
  #waitedMs: number | undefined;
  /** When a child last said more than is heard at a time. */
  #moreMs = -Infinity;
  /** The part of the time, lately, in which this thread ran or could have. */
  #free = 1;

  constructor(options: Partial<ReadingShareOptions> = {}) {
    this.#options = { part: 0.2, burstMs: 200, excess: ReadingShare.#excess, waitedMs, ...options };
    this.#balanceMs = this.#options.burstMs;
  }

  /**
   * Pays for work that has just been done; returns for how long nothing more may be read, ms, or 0. `more`: the child
   * says more than is heard at a time.
   */
  charge(workMs: number, nowMs: number, more = false): number {
    const { burstMs, excess } = this.#options;
    if (more) this.#moreMs = nowMs;
    const gainedMs = this.#freeMs(nowMs) * this.#part;
    const free = this.#isFlooded(nowMs) ? this.#free : 1;
    this.#balanceMs = Math.min(burstMs * free, this.#balanceMs + gainedMs) - workMs;
    if (this.#balanceMs >= 0) return 0;
    excess.set(this, nowMs);
    for (const [share, atMs] of excess) if (nowMs - atMs > EXCESS_MS) excess.delete(share);
    return Math.ceil(-this.#balanceMs / (this.#part * free));
  }

  /**
   * How much of the time since the last charge counts: for who says too much, what this thread had of it. Where all
   * processors are taken, by who floods as well, one that would work for a fifth of the time waits its turn like all
   * others whenever something comes; one that mostly sleeps is let in at once.
   */
  #freeMs(nowMs: number): number {
    const passedMs = nowMs - (this.#atMs ?? nowMs);
    this.#atMs = nowMs;
    if (!this.#isFlooded(nowMs)) {
      // Asking costs more than a usual report takes to read.
      this.#waitedMs = undefined;
      this.#free = 1;
      return passedMs;
    }
    const totalMs = this.#options.waitedMs(nowMs);
    const waitedMs = totalMs - (this.#waitedMs ?? totalMs);
    this.#waitedMs = totalMs;
    const freeMs = Math.max(passedMs - waitedMs, passedMs * FREE_MIN_PART);
    const weight = Math.min(1, passedMs / FREE_OVER_MS);
    if (passedMs > 0) this.#free += weight * (freeMs / passedMs - this.#free);
    return freeMs;
  }

  #isFlooded(nowMs: number): boolean {
    return nowMs - this.#moreMs < FLOODED_MS;
  }

  /** Many that want too much have half of the time together. */
  get #part(): number {
    const { part, excess } = this.#options;
    return excess.has(this) ? Math.min(part, TOGETHER_PART / excess.size) : part;
  }

  /** Adds time for work that this process itself has caused, such as the answer to what it sends. */
  earn(workMs: number): void {
    this.#balanceMs = Math.min(this.#options.burstMs, this.#balanceMs + workMs);
  }
}

/** Work that has begun now. */
export class Work {
  readonly #startMs = performance.now();

  constructor() {
    cpu.lookAt(this.#startMs);
  }

  /**
   * What it has taken so far, ms. Time in which this process did not run, because it was stopped or others had the
   * CPU, is nobody's work: a site whose bytes were just being read would not be heard for five times as long.
   */
  get ms(): number {
    const wallMs = performance.now() - this.#startMs;
    return wallMs < SHORT_MS ? wallMs : Math.min(wallMs, cpu.sinceLookMs());
  }
}

/** The CPU time of this process, which costs as much to ask for as a frame to read: asked for now and then. */
class CpuTime {
  #atMs = -Infinity;
  #used: NodeJS.CpuUsage = { user: 0, system: 0 };

  /** Asks for it, unless that was a moment ago. */
  lookAt(nowMs: number): void {
    if (nowMs - this.#atMs < LOOK_MS) return;
    this.#atMs = nowMs;
    this.#used = process.cpuUsage();
  }

  /** What has been used since it was asked for last, ms. */
  sinceLookMs(): number {
    const { user, system } = process.cpuUsage(this.#used);
    return (user + system) / 1000;
  }
}

/** What the kernel counts as waiting for a processor (proc(5), schedstat): of this thread, as long as it is the first. */
class ProcessorWait {
  #atMs = -Infinity;
  #ms = 0;

  lookAt(nowMs: number): number {
    if (nowMs - this.#atMs < WAIT_LOOK_MS) return this.#ms;
    this.#atMs = nowMs;
    try {
      const [, waitedNs] = readFileSync('/proc/self/schedstat', 'latin1').split(' ');
      this.#ms = Number(waitedNs) / 1_000_000 || 0;
    } catch {
      // Without it, or without room for a descriptor, none is counted; nor is it asked for all the time.
      this.#atMs = nowMs + WAIT_AGAIN_MS;
    }
    return this.#ms;
  }
}

/** Whether one child wants more than its share for so long that it is no accident. */
export class LastingExcess {
  #sinceMs: number | undefined;
  #resumedMs = 0;

  /** It is read from again. */
  resumed(nowMs: number): void {
    this.#resumedMs = nowMs;
  }

  /** There was something to read. */
  read(nowMs: number): void {
    if (nowMs - this.#resumedMs > CONTENT_MS) this.#sinceMs = undefined;
  }

  /** It has to wait, since its share is overdrawn; true: that has gone on for too long. */
  waits(nowMs: number): boolean {
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs >= LASTING_MS;
  }
}

/** Work that is taken for what a clock says, whether this process ran or not, ms. */
const SHORT_MS = 1;
/** How old a look at the CPU time may be: so much of other work a long one may be charged with, ms. */
const LOOK_MS = 5;
const cpu = new CpuTime();
/** How old a look at the time spent waiting may be, ms. */
const WAIT_LOOK_MS = 10;
const WAIT_AGAIN_MS = 10_000;
const wait = new ProcessorWait();
const waitedMs = (nowMs: number): number => wait.lookAt(nowMs);
/** For how long children count as saying too much that did so, ms. */
const FLOODED_MS = 2000;
/** The least of the time that counts as had, however crowded the machine is: nobody is forgotten. */
const FREE_MIN_PART = 0.1;
/** Over how long it is averaged how much was had, ms. */
const FREE_OVER_MS = 100;

/** One that has more to say has said it by then, ms. */
const CONTENT_MS = 50;
const LASTING_MS = 10_000;

/** What all together have of the time who want too much. */
const TOGETHER_PART = 0.5;
/** How long one counts as overdrawn that is heard of no more, ms. */
const EXCESS_MS = 2000;

/** Work in one turn of the event loop on behalf of one child, ms: the others and everything else come in between. */
export const TURN_LIMIT_MS = 1;

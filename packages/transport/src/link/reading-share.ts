// The share of this process's time that reading from untrusted children may take: an account in milliseconds of work,
// which time fills up. Counting time covers whatever a child thinks of: empty frames, calls, brackets, lines. Pure.

/** How much. */
export interface ReadingShareOptions {
  /** Part of the time, 0 to 1. Default 0.2. */
  part: number;
  /** Work that may be done at once after a pause, ms. Default 200. */
  burstMs: number;
  /** Who was overdrawn lately, and when. Default: that of this process. */
  excess: Map<ReadingShare, number>;
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

  constructor(options: Partial<ReadingShareOptions> = {}) {
    this.#options = { part: 0.2, burstMs: 200, excess: ReadingShare.#excess, ...options };
    this.#balanceMs = this.#options.burstMs;
  }

  /** Pays for work that has just been done; returns for how long nothing more may be read, ms, or 0. */
  charge(workMs: number, nowMs: number): number {
    const { burstMs, excess } = this.#options;
    const passedMs = nowMs - (this.#atMs ?? nowMs);
    this.#atMs = nowMs;
    this.#balanceMs = Math.min(burstMs, this.#balanceMs + passedMs * this.#part) - workMs;
    if (this.#balanceMs >= 0) return 0;
    excess.set(this, nowMs);
    for (const [share, atMs] of excess) if (nowMs - atMs > EXCESS_MS) excess.delete(share);
    return Math.ceil(-this.#balanceMs / this.#part);
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

/** One that has more to say has said it by then, ms. */
const CONTENT_MS = 50;
const LASTING_MS = 10_000;

/** What all together have of the time who want too much. */
const TOGETHER_PART = 0.5;
/** How long one counts as overdrawn that is heard of no more, ms. */
const EXCESS_MS = 2000;

/** Work in one turn of the event loop on behalf of one child, ms: the others and everything else come in between. */
export const TURN_LIMIT_MS = 1;

// What happened to many requests, so that one assertion can say that nothing was lost.
import { WrongAnswer } from './exchange.js';

/** Counts of what a load's clients saw. */
export interface TallyCounts {
  ok: number;
  /** Connections that could not be opened. */
  refused: number;
  reset: number;
  /** Connections that ended without having been announced by `Connection: close`. */
  closed: number;
  timedOut: number;
  /** Answers with another status, body, order or client port. */
  wrong: number;
}

export class Tally {
  readonly counts: TallyCounts = { ok: 0, refused: 0, reset: 0, closed: 0, timedOut: 0, wrong: 0 };
  /** Processes that answered. */
  readonly pids: Set<number> = new Set();
  readonly generations: Set<number> = new Set();
  /** Answers that announced the end of their connection. */
  announcedCount = 0;
  /** Connections that were opened. */
  connectCount = 0;
  /** The first few failures. */
  readonly failures: string[] = [];

  /** Everything but the answers that were right. */
  get lost(): Omit<TallyCounts, 'ok'> {
    const { ok: _ok, ...lost } = this.counts;
    return lost;
  }

  /** So much is lost that going on tells nothing more. */
  get hopeless(): boolean {
    return Object.values(this.lost).reduce((sum, count) => sum + count, 0) >= LOST_MAX_COUNT;
  }

  fail(kind: Exclude<keyof TallyCounts, 'ok'>, detail: string): void {
    this.counts[kind] += 1;
    if (this.failures.length < FAILURES_MAX_COUNT) this.failures.push(`${kind}: ${detail}`);
  }

  /** Counts what a request on an open connection failed with. */
  failWith(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const detail = String(error);
    if (error instanceof WrongAnswer) this.fail('wrong', detail);
    else if (code === 'timeout') this.fail('timedOut', detail);
    else if (code === 'closed') this.fail('closed', detail);
    else this.fail('reset', detail);
  }
}

/** Nothing lost, for comparison. */
export const NOTHING_LOST: Omit<TallyCounts, 'ok'> = {
  refused: 0,
  reset: 0,
  closed: 0,
  timedOut: 0,
  wrong: 0,
};

const FAILURES_MAX_COUNT = 10;
const LOST_MAX_COUNT = 500;

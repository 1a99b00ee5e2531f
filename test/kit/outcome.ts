// What happened to the requests of a load, so that one assertion can say that nothing was lost.
import assert from 'node:assert/strict';

/** Counts of what clients saw that repeat nothing. */
export interface Counts {
  /** Requests that were sent, or could not be. */
  sent: number;
  /** Requests that were answered rightly. */
  ok: number;
  /** Connections that could not be opened. */
  refused: number;
  /** Requests whose connection ended before their answer was whole. */
  reset: number;
  timedOut: number;
  /** Answers with another status, body, order, site or client port. */
  wrong: number;
  /** Kept connections that the server ended without a word, with or without a request under way. */
  closed: number;
  /** Kept connections whose end an answer had announced (`Connection: close`). */
  announced: number;
  /** Connections that were opened. */
  connections: number;
}

/** How a request failed. */
export type FailureKind = 'refused' | 'reset' | 'timedOut' | 'wrong' | 'closed';

/** An answer that is another one than the request's. */
export class WrongAnswer extends Error {
  override name = 'WrongAnswer';
}

export class Outcome {
  readonly counts: Counts = {
    sent: 0,
    ok: 0,
    refused: 0,
    reset: 0,
    timedOut: 0,
    wrong: 0,
    closed: 0,
    announced: 0,
    connections: 0,
  };
  /** Processes that answered. */
  readonly pids: Set<number> = new Set();
  /** Generations of the site that answered. */
  readonly generations: Set<number> = new Set();
  /** The first few failures. */
  readonly failures: string[] = [];
  /** How long each right answer took, ms; of a fresh connection with its opening. */
  readonly latenciesMs: number[] = [];

  /** The longest time between two right answers, or since the last one until the load was stopped, ms. */
  longestGapMs = 0;
  /** The longest gap, of a second or more, still lasted when the load was stopped. */
  down = false;
  #answeredAtMs: number | undefined;
  #stopped = false;

  /** Everything that a test wants to be 0. */
  get lost(): Record<FailureKind, number> {
    const { refused, reset, timedOut, wrong, closed } = this.counts;
    return { refused, reset, timedOut, wrong, closed };
  }

  get lostCount(): number {
    const { refused, reset, timedOut, wrong, closed } = this.counts;
    return refused + reset + timedOut + wrong + closed;
  }

  get slowestMs(): number {
    return this.latenciesMs.reduce((slowest, ms) => Math.max(slowest, ms), 0);
  }

  /** Counts a right answer to what was begun at this time. */
  answered(startedMs: number): void {
    const nowMs = performance.now();
    this.counts.ok += 1;
    this.latenciesMs.push(nowMs - startedMs);
    if (this.#answeredAtMs !== undefined && !this.#stopped)
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#answeredAtMs);
    this.#answeredAtMs = nowMs;
  }

  /** The clients are being stopped: what has gone since the last answer is a gap, too. */
  endGap(): void {
    this.#stopped = true;
    const gapMs = performance.now() - (this.#answeredAtMs ?? performance.now());
    if (gapMs <= this.longestGapMs) return;
    this.longestGapMs = gapMs;
    this.down = gapMs >= DOWN_MS;
  }

  fail(kind: FailureKind, detail: string): void {
    this.counts[kind] += 1;
    if (this.failures.length < FAILURES_MAX_COUNT) this.failures.push(`${kind}: ${detail}`);
  }

  /** Counts what a request on an open connection failed with. */
  failWith(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const kind = error instanceof WrongAnswer ? 'wrong' : code === 'timeout' ? 'timedOut' : 'reset';
    this.fail(kind, String(error));
  }

  /** @throws {assert.AssertionError} unless every request was answered rightly, and no connection closed unannounced. */
  assertNothingLost(who = 'the load'): void {
    assert.deepEqual(this.lost, NOTHING_LOST, `${who} lost something:\n${this.failures.join('\n')}`);
    assert.ok(this.counts.ok > 0, `${who} asked for nothing`);
  }

  /** And that the first connection of each of so many clients was its last. */
  assertNothingClosed(clientCount: number, who = 'the load'): void {
    this.assertNothingLost(who);
    const { connections, announced } = this.counts;
    assert.deepEqual({ connections, announced }, { connections: clientCount, announced: 0 }, who);
  }

  /** The latency below which this part of the right answers lies, ms; NaN if there is none. */
  latencyMs(part: number): number {
    const sorted = this.latenciesMs.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * part)] ?? sorted.at(-1) ?? Number.NaN;
  }

  /** For the lines that tests print. */
  toString(): string {
    const counts = Object.entries(this.counts).filter(([, count]) => count > 0);
    const [p50, p99, longest] = [this.latencyMs(0.5), this.latencyMs(0.99), this.slowestMs].map(Math.round);
    return `${counts.map(([name, count]) => `${count} ${name}`).join(', ')}; p50 ${p50} ms, p99 ${p99} ms, longest ${longest} ms`;
  }
}

const NOTHING_LOST: Record<FailureKind, number> = {
  refused: 0,
  reset: 0,
  timedOut: 0,
  wrong: 0,
  closed: 0,
};

const FAILURES_MAX_COUNT = 10;
/** So long without an answer is no chance. */
const DOWN_MS = 1000;

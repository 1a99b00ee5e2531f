// What became of the requests and connections of a group of clients.
import type { Counts } from '@vhostd/test/outcome';

export interface Outcome extends Counts {
  /** The longest time between two right answers, or since the last one, ms. */
  longestGapMs: number;
  /** Whether the longest gap, of a second or more, still lasted when the clients were stopped. */
  down: boolean;
}

/** Nothing yet. */
export function emptyOutcome(): Outcome {
  return {
    sent: 0,
    ok: 0,
    refused: 0,
    reset: 0,
    timedOut: 0,
    wrong: 0,
    closed: 0,
    announced: 0,
    connections: 0,
    longestGapMs: 0,
    down: false,
  };
}

/** Counts are added up; of the gaps the longest is taken. */
export function addOutcomes(one: Outcome, other: Outcome): Outcome {
  const longer = other.longestGapMs > one.longestGapMs ? other : one;
  return {
    sent: one.sent + other.sent,
    ok: one.ok + other.ok,
    refused: one.refused + other.refused,
    reset: one.reset + other.reset,
    timedOut: one.timedOut + other.timedOut,
    wrong: one.wrong + other.wrong,
    closed: one.closed + other.closed,
    announced: one.announced + other.announced,
    connections: one.connections + other.connections,
    longestGapMs: longer.longestGapMs,
    down: longer.down,
  };
}

/** Requests that were not answered rightly. */
export function failedCount({ refused, reset, timedOut, wrong }: Outcome): number {
  return refused + reset + timedOut + wrong;
}

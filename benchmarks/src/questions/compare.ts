// Turns the rounds of a contest into rows.
import { median, ratio } from '../measure/rounds.js';
import type { Row } from '../measure/report.js';
import type { Contest, Round } from './contest.js';

/** What is compared: a figure of one contender by that of another. */
export interface Comparison {
  what: string;
  of: string;
  to: string;
  figure: (round: Round) => number;
  target?: Row['target'];
}

/** One row a comparison. */
export function compare({ rounds, unavailable }: Contest, comparisons: readonly Comparison[]): Row[] {
  return comparisons.map(({ what, of, to, figure, target }) => {
    const values = rounds.get(of)?.map(figure);
    const base = rounds.get(to)?.map(figure);
    if (values === undefined || base === undefined) {
      return {
        what,
        unit: 'x',
        target,
        note: unavailable.get(of) ?? unavailable.get(to) ?? 'it did not run',
      };
    }
    const { median: value, low, high } = ratio(values, base);
    return { what, value, unit: 'x', spread: { low, high }, target };
  });
}

/** The figures behind the ratios, as lines of text. */
export function table({ rounds }: Contest): string[] {
  const lines = [
    `${' '.repeat(NAME_WIDTH)}     per s   p50 ms   p99 ms   accepting µs   workers µs   errors`,
  ];
  for (const [name, of] of rounds) {
    const middle = (figure: (round: Round) => number): number => median(of.map(figure));
    const errors = of.reduce((sum, round) => sum + round.errors, 0);
    lines.push(
      [
        name.padEnd(NAME_WIDTH),
        middle((round) => round.perSecond)
          .toFixed(0)
          .padStart(10),
        known(middle((round) => round.p50Ms)).padStart(9),
        known(middle((round) => round.p99Ms)).padStart(9),
        middle((round) => round.frontMicroseconds)
          .toFixed(1)
          .padStart(15),
        middle((round) => round.workersMicroseconds)
          .toFixed(1)
          .padStart(13),
        String(errors).padStart(9),
      ].join(''),
    );
  }
  return lines;
}

/** Some generators tell no latency. */
function known(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(2);
}

const NAME_WIDTH = 24;

/** That no answer was wrong and no connection broke, in any round of vhostd. */
export function errorRow({ rounds }: Contest): Row {
  let errors = 0;
  let requests = 0;
  for (const [name, of] of rounds) {
    if (!name.startsWith('vhostd')) continue;
    for (const round of of) {
      errors += round.errors;
      requests += round.requests;
    }
  }
  return {
    what: 'wrong answers and broken connections of vhostd',
    value: errors,
    unit: `of ${requests}`,
    target: { atMost: 0 },
  };
}

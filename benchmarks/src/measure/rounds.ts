// Interleaved rounds: A B C A B C …, so that whatever else the machine does falls on all of them alike.

/** The figures of one contender, one per round. */
export type Figures<T> = ReadonlyMap<string, readonly T[]>;

/** Calls `measure` for each name in turn, `rounds` times over; every other round in reverse. */
export async function interleave<T>(
  names: readonly string[],
  rounds: number,
  measure: (name: string) => Promise<T>,
): Promise<Figures<T>> {
  const figures = new Map<string, T[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed())
      figures.get(name)?.push(await measure(name));
  }
  return figures;
}

/** The middle of some numbers; the mean of the two middle ones when their count is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  const high = sorted[Math.ceil((sorted.length - 1) / 2)] ?? NaN;
  return (low + high) / 2;
}

/** A ratio of two contenders: of each round's figures first, then the middle and the ends of those. */
export function ratio(
  values: readonly number[],
  base: readonly number[],
): { median: number; low: number; high: number } {
  const ratios = values.map((value, round) => value / (base[round] ?? NaN));
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

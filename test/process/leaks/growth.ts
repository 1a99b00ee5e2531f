// How fast a series grows steadily, whatever single steps and peaks are in it.

/** The median of the slopes between any two values (Theil and Sen): a quarter of the values may be anything. */
export function growthOf(values: readonly number[]): number {
  const slopes = values.flatMap((value, at) =>
    values.slice(0, at).map((before, index) => (value - before) / (at - index)),
  );
  slopes.sort((a, b) => a - b);
  return slopes[slopes.length >> 1] ?? 0;
}

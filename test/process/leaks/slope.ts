// How fast a series grows, in spite of single steps and outliers.

/** The Theil-Sen estimate of the growth from one value to the next: the median of the slopes of all pairs. */
export function slopeOf(values: readonly number[]): number {
  const slopes = values.flatMap((value, at) =>
    values.slice(at + 1).map((later, distance) => (later - value) / (distance + 1)),
  );
  slopes.sort((a, b) => a - b);
  return slopes[slopes.length >> 1] ?? 0;
}

// How fast a series grows steadily, whatever single steps are in it.

/** The median growth from one value to the next, measured over half of the series: what comes and goes does not count. */
export function growthOf(values: readonly number[]): number {
  const distance = values.length >> 1;
  const growths = values.slice(distance).map((value, at) => (value - (values[at] ?? 0)) / distance);
  growths.sort((a, b) => a - b);
  return growths[growths.length >> 1] ?? 0;
}

// How fast a series grows steadily, whatever single steps are in it.

/** The median growth from one value to the next, measured over two. What grows in few of the steps does not count. */
export function growthOf(values: readonly number[]): number {
  const growths = values.slice(2).map((value, at) => (value - (values[at] ?? 0)) / 2);
  growths.sort((a, b) => a - b);
  return growths[growths.length >> 1] ?? 0;
}

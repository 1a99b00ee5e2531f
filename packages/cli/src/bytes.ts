// Writes a size for people.

/** Three digits of the largest unit of 1024: `812K`, `63.5M`, `1.25G`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes / 1024, 'K'];
  for (const next of ['M', 'G', 'T']) {
    if (value < 1000) break;
    [value, unit] = [value / 1024, next];
  }
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))}${unit}`;
}

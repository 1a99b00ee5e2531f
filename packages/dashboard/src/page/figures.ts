// Series of figures for charts, of the samples that have come.
import type { Sample, SiteFigures } from '../messages.js';

/** Times in seconds, as charts take them, and the values at those times; null: not known. */
export interface Series {
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
}

/** Of one site, or of all together. */
export function seriesOf(samples: readonly Sample[], figure: keyof SiteFigures, siteId?: string): Series {
  return {
    times: samples.map(({ timeMs }) => timeMs / 1_000),
    values: samples.map(({ sites }) => {
      if (siteId !== undefined) return sites[siteId]?.[figure] ?? null;
      return sumOf(Object.values(sites).map((figures) => figures[figure]));
    }),
  };
}

/** Of those that are known; null where none is. */
export function sumOf(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

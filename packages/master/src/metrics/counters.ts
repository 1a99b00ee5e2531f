// Counts by metric and labels.
import type { MetricFamily } from '@vhostd/protocol';
import { METRICS } from './definitions.js';
import type { MetricName } from './definitions.js';

type Sample = MetricFamily['samples'][number];

export class Counters {
  readonly #counts = new Map<MetricName, Map<string, Sample>>();

  /** `texts`: of the labels, in the order of {@link METRICS}. */
  add(name: MetricName, texts: readonly string[] = [], count = 1): void {
    let ofName = this.#counts.get(name);
    if (ofName === undefined) this.#counts.set(name, (ofName = new Map()));
    const key = texts.join('\0');
    const known = ofName.get(key);
    if (known === undefined) ofName.set(key, sampleOf(name, texts, count));
    // Some counts are as workers tell them, and those of a counter stay whole numbers.
    else known.value = Math.min(known.value + count, Number.MAX_SAFE_INTEGER);
  }

  of(name: MetricName): readonly Sample[] {
    return [...(this.#counts.get(name)?.values() ?? [])];
  }

  /** Forgets what is of a site. */
  forget(siteId: string): void {
    for (const ofName of this.#counts.values()) {
      for (const [key, { labels }] of ofName) if (labels['site'] === siteId) ofName.delete(key);
    }
  }
}

/** One value of a metric. */
export function sampleOf(
  name: MetricName,
  texts: readonly string[],
  value: number,
  part: Pick<Sample, 'suffix'> & { le?: string } = {},
): Sample {
  const { le, ...suffix } = part;
  const labels = METRICS[name].labels.map((label, index) => [label, texts[index] ?? ''] as const);
  return {
    ...suffix,
    labels: Object.fromEntries([...labels, ...(le === undefined ? [] : [['le', le]])]),
    value,
  };
}

// Runs generated connections against a port, so many at a time, and counts for each kind what became of them.
import { Random } from '../../kit/random.js';
import { inParallel } from '../../kit/in-parallel.js';
import { KINDS } from './storm-kinds.js';
import type { Kind, StormTarget } from './storm-kinds.js';

/** How many connections of each kind to make. */
export type StormPlan = Partial<Record<Kind, number>>;

/** What became of them. */
export interface StormResult {
  cases: number;
  /** Each with its kind and number: the seed and the number make the case again. */
  failures: string[];
  byKind: Record<string, { cases: number; failures: number }>;
}

/** The kinds are mixed; a failed case does not end the storm. */
export async function storm(
  target: StormTarget,
  plan: StormPlan,
  seed: number,
  concurrency = 40,
): Promise<StormResult> {
  const random = new Random(seed);
  const queue = (Object.entries(plan) as [Kind, number][]).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, index) => ({ kind, index, order: random.next() })),
  );
  queue.sort((a, b) => a.order - b.order);
  const result: StormResult = { cases: 0, failures: [], byKind: {} };
  await inParallel(queue.entries(), concurrency, async ([number, { kind, index }]) => {
    const counts = (result.byKind[kind] ??= { cases: 0, failures: 0 });
    counts.cases += 1;
    result.cases += 1;
    try {
      await KINDS[kind](target, new Random(seed * 31 + number), index);
    } catch (error) {
      counts.failures += 1;
      result.failures.push(`${kind} #${index}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return result;
}

/** One line a kind. */
export function printed({ cases, failures, byKind }: StormResult): string {
  const kinds = Object.entries(byKind)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([kind, count]) => `${kind} ${count.failures}/${count.cases}`);
  return `${failures.length} failures of ${cases}: ${kinds.join(', ')}`;
}

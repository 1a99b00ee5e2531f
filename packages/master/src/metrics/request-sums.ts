// The requests of each site, summed up over its workers, those that have ended included.
import type { MetricFamily, RequestStats } from '@vhostd/protocol';
import { DURATION_BOUNDS_MS } from '../workers/worker-stats.js';
import { sampleOf } from './counters.js';

type Samples = MetricFamily['samples'];
type Sums = Pick<RequestStats, 'answered' | 'durations' | 'durationMs'>;

export class RequestSums {
  readonly #sites = new Map<string, Sums>();
  /** What each process has told last. */
  readonly #last = new Map<string, Sums>();

  /** Takes what a process tells of itself. One that tells less than before is taken for that much. */
  add(siteId: string, process: string, told: RequestStats): void {
    const before = this.#last.get(process) ?? NOTHING;
    this.#last.set(process, told);
    const sums = this.#sites.get(siteId) ?? NOTHING;
    this.#sites.set(siteId, {
      answered: sumOf(sums.answered, told.answered, before.answered),
      durations: sumOf(sums.durations, told.durations, before.durations),
      durationMs: capped(sums.durationMs + Math.max(0, told.durationMs - before.durationMs)),
    });
  }

  /** The process has ended. */
  end(process: string): void {
    this.#last.delete(process);
  }

  forget(siteId: string): void {
    this.#sites.delete(siteId);
  }

  requests(): Samples {
    return [...this.#sites].flatMap(([siteId, { answered }]) =>
      answered.map((count, index) =>
        sampleOf('vhostd_http_requests_total', [siteId, `${index + 1}xx`], count),
      ),
    );
  }

  durations(): Samples {
    const name = 'vhostd_http_request_duration_seconds';
    return [...this.#sites].flatMap(([siteId, { durations, durationMs }]) => {
      let count = 0;
      const buckets = durations.map((more, index) => {
        count += more;
        const boundMs = DURATION_BOUNDS_MS[index];
        const le = boundMs === undefined ? '+Inf' : String(boundMs / 1_000);
        return sampleOf(name, [siteId], count, { suffix: '_bucket', le });
      });
      return [
        ...buckets,
        sampleOf(name, [siteId], durationMs / 1_000, { suffix: '_sum' }),
        sampleOf(name, [siteId], count, { suffix: '_count' }),
      ];
    });
  }
}

function sumOf(sums: readonly number[], told: readonly number[], before: readonly number[]): number[] {
  return told.map((count, index) => capped((sums[index] ?? 0) + Math.max(0, count - (before[index] ?? 0))));
}

/** Workers may say anything, again and again. */
function capped(sum: number): number {
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}

const NOTHING: Sums = { answered: [], durations: [], durationMs: 0 };

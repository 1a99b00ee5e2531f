// How late the event loop is.
import type { IntervalHistogram } from 'node:perf_hooks';
import type { LoopDelay } from '@vhostd/protocol';
import { getBuiltinModule } from '@vhostd/transport';

export class LoopDelayMeter {
  readonly #histogram: IntervalHistogram = getBuiltinModule('node:perf_hooks').monitorEventLoopDelay({
    resolution: RESOLUTION_MS,
  });

  constructor() {
    this.#histogram.enable();
  }

  /** This process is about to stand still, which is no delay of its event loop; until {@link goOn}. */
  rest(): void {
    this.#histogram.disable();
  }

  goOn(): void {
    this.#histogram.enable();
  }

  /** The delay since it was last read. */
  read(): LoopDelay {
    const histogram = this.#histogram;
    const [p50Ms, p99Ms] = [50, 99].map((percent) => delayOf(histogram.percentile(percent)));
    const delay = { p50Ms: p50Ms ?? 0, p99Ms: p99Ms ?? 0, maxMs: delayOf(histogram.max) };
    histogram.reset();
    return delay;
  }
}

/** What is recorded is the time from one timer to the next, ns. */
function delayOf(passedNs: number): number {
  return Math.max(0, Math.round(passedNs / 1_000 - RESOLUTION_MS * 1_000) / 1_000);
}

/** Each time the process wakes up; a delay is known to that. */
const RESOLUTION_MS = 20;

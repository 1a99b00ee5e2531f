// What this worker has refused, for the master to be told of.
import type { RefusalCounts, WorkerRefusal } from '@vhostd/protocol';

export class Refusals {
  #counts: RefusalCounts | undefined;

  /** One more. */
  add(reason: WorkerRefusal): void {
    const counts = (this.#counts ??= {});
    counts[reason] = (counts[reason] ?? 0) + 1;
  }

  /** Since the process started; undefined: none. */
  get counts(): Readonly<RefusalCounts> | undefined {
    return this.#counts;
  }
}

// Whether any worker takes connections in batches. While one does, connections are accepted without a handle and only
// looked at: their workers read them. For other workers that would cost more than it spares.
import { nativeCalls } from '@vhostd/transport';
import type { BatchCalls } from '@vhostd/transport';

class BatchUse {
  #count = 0;
  #calls: BatchCalls | undefined;

  /** Absent: no worker does. */
  get calls(): BatchCalls | undefined {
    return this.#calls;
  }

  /** One more does, until what is returned is called. */
  begin(): () => void {
    this.#count += 1;
    this.#calls = nativeCalls()?.batches;
    let isEnded = false;
    return () => {
      if (isEnded) return;
      isEnded = true;
      this.#count -= 1;
      if (this.#count === 0) this.#calls = undefined;
    };
  }
}

/** That of this process. */
export const batchUse: BatchUse = new BatchUse();

// One process of a slot, from its spawn to its end, and what is known about it meanwhile.
import type { ChildHandle } from './child-handle.js';
import type { ChildFault } from './child-reason.js';

/** The outcome of a stop; `stuck` if it wasn't reaped within `reapMs` after SIGKILL. */
export type StopOutcome = 'no-process' | 'exited' | 'stuck';

/** The record of one try to have a process. Times are monotonic. */
export class Attempt {
  readonly startedAtMs: number;
  readyAtMs: number | undefined;
  /** Undefined while it is being spawned, and for good if that threw. */
  handle: ChildHandle | undefined;
  /** What it is being stopped for, if not for a request. */
  fault: ChildFault | undefined;
  /** Rungs of the shutdown ladder taken so far. */
  rungCount = 0;
  #outcome: Promise<StopOutcome> | undefined;
  #resolve: ((outcome: StopOutcome) => void) | undefined;

  constructor(startedAtMs: number) {
    this.startedAtMs = startedAtMs;
  }

  /** One promise for all who wait at the same time. */
  outcome(): Promise<StopOutcome> {
    this.#outcome ??= new Promise((resolve) => {
      this.#resolve = resolve;
    });
    return this.#outcome;
  }

  /** Answers those who wait; who asks later waits anew. */
  settle(outcome: StopOutcome): void {
    this.#resolve?.(outcome);
    this.#outcome = undefined;
  }

  /** How long it has been ready, in milliseconds; 0 if it never was. */
  readyMs(nowMs: number): number {
    return this.readyAtMs === undefined ? 0 : nowMs - this.readyAtMs;
  }
}

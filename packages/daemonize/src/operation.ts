// A start, stop or restart from its call to its end: what it is at, and whether a later call has cancelled it.

/** What it waits for: the call before it, the end of the process, the lock, the uptime of the process. */
export type OperationPhase = 'queued' | 'ending' | 'launching' | 'settling';

export class Operation<Kind extends string, Result> {
  readonly kind: Kind;
  phase: OperationPhase = 'queued';
  readonly promise: Promise<Result>;
  #settle: (result: Promise<Result>) => void = () => {};
  readonly #abort = new AbortController();

  constructor(kind: Kind) {
    this.kind = kind;
    this.promise = new Promise((resolve) => {
      this.#settle = resolve;
    });
    // Whoever does not wait for the outcome has its log and events.
    this.promise.catch(() => {});
  }

  /** Aborted when a later call has made this one pointless. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the next call may begin: this one is about to end as soon as it is cancelled. */
  get makesRoom(): boolean {
    return this.phase === 'ending' || this.phase === 'settling';
  }

  cancel(): void {
    this.#abort.abort();
  }

  /** Runs when `before` is settled, or now where there is nothing to wait for. */
  run(before: Promise<unknown> | undefined, carryOut: () => Promise<Result>): void {
    this.#settle(before === undefined ? carryOut() : before.then(carryOut, carryOut));
  }
}

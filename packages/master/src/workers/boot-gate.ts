// How many workers boot at a time, of all sites: a boot takes the machine as much as anything does, and what serves is
// to be served meanwhile. Between two forks the event loop turns.

/** Who wants to boot: told {@link BootGate.leave} when it has, or has ended. */
type Owner = object;

export class BootGate {
  #maxCount: number;
  readonly #holdMs: number;
  /** Those that boot, with the timer that ends their place. */
  readonly #booting = new Map<Owner, NodeJS.Timeout>();
  /** In the order in which they came. */
  readonly #waiting = new Map<Owner, () => void>();
  /** Those for whom nobody waits, in the order in which they came. */
  readonly #last = new Map<Owner, () => void>();
  /** Until the next of them. */
  #lastHold: NodeJS.Timeout | undefined;
  #turning = false;

  /** One that boots for longer than `holdMs` mostly waits for something, maybe for another one here. */
  constructor(maxCount: number, holdMs = 3000) {
    this.#maxCount = maxCount;
    this.#holdMs = holdMs;
  }

  /** For boots that begin from now on. */
  setMaxCount(maxCount: number): void {
    this.#maxCount = maxCount;
    this.#next();
  }

  /** Calls `begin` when it is this one's turn, which may be now; not if it has left by then. */
  enter(owner: Owner, begin: () => void): void {
    if (this.#maxCount === Infinity) return begin();
    this.#waiting.set(owner, begin);
    this.#next();
  }

  /**
   * Calls `begin` in a later turn, when nobody boots or wants to: nobody waits for this one, so it counts as no boot. There
   * is one such in a second at most.
   */
  enterLast(owner: Owner, begin: () => void): void {
    this.#last.set(owner, begin);
    setImmediate(() => this.#next());
  }

  /** It boots no longer, or does not want to. */
  leave(owner: Owner): void {
    this.#waiting.delete(owner);
    this.#last.delete(owner);
    const timer = this.#booting.get(owner);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#booting.delete(owner);
    this.#next();
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) return this.#nextLast();
    if (this.#turning || this.#booting.size >= this.#maxCount) return;
    const [owner, begin] = first;
    this.#waiting.delete(owner);
    const timer = setTimeout(() => this.leave(owner), this.#holdMs);
    timer.unref();
    this.#booting.set(owner, timer);
    this.#turning = true;
    setImmediate(() => {
      this.#turning = false;
      this.#next();
    });
    begin();
  }

  #nextLast(): void {
    const [first] = this.#last;
    if (first === undefined || this.#lastHold !== undefined || this.#booting.size > 0) return;
    const [owner, begin] = first;
    this.#last.delete(owner);
    this.#lastHold = setTimeout(() => {
      this.#lastHold = undefined;
      this.#next();
    }, LAST_HOLD_MS);
    this.#lastHold.unref();
    begin();
  }
}

/** What a boot for which nobody waits takes, generously, ms. */
const LAST_HOLD_MS = 1000;

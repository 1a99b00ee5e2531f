// The delay before the next spawn: grows with each restart in a row, starts over after a time of being up.
import { checkMs, checkRange } from './option-range.js';

/** How the delay grows. */
export interface BackoffOptions {
  /** Delay before the first restart in milliseconds, at least 1, default 100. */
  baseMs: number;
  /** Each delay is the one before times this; 1 to 10, default 2. */
  factor: number;
  /** The longest delay in milliseconds, not below `baseMs`, default 10000. */
  capMs: number;
  /** A child that was ready for so many milliseconds starts over at `baseMs`; default 10000. */
  resetAfterMs: number;
}

/** Fills in the defaults. Throws `ERR_SUPERVISOR_OPTION` on a number out of range. */
export function resolveBackoff(given: Partial<BackoffOptions> = {}): BackoffOptions {
  const baseMs = checkMs('backoff.baseMs', given.baseMs ?? 100, 1);
  return {
    baseMs,
    factor: checkRange('backoff.factor', given.factor ?? 2, 1, 10),
    capMs: checkMs('backoff.capMs', given.capMs ?? Math.max(baseMs, 10_000), baseMs),
    resetAfterMs: checkMs('backoff.resetAfterMs', given.resetAfterMs ?? 10_000),
  };
}

/** The delays of one slot. It has no clock: the caller says how long the child was up. */
export class Backoff {
  readonly #options: BackoffOptions;
  #restartsInARow = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait after a child that was ready for `readyMs`; 0 if it never was. */
  next(readyMs: number): number {
    const { baseMs, factor, capMs, resetAfterMs } = this.#options;
    if (readyMs > 0 && readyMs >= resetAfterMs) this.reset();
    const delayMs = Math.min(capMs, baseMs * factor ** this.#restartsInARow);
    this.#restartsInARow += 1;
    return delayMs;
  }

  /** The next delay is `baseMs` again. */
  reset(): void {
    this.#restartsInARow = 0;
  }
}

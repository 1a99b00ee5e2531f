// Decides what follows when a child has ended: another one, or giving up. Pure; terms of Erlang/OTP.
import { checkCount, checkMs } from './option-range.js';

/** How often a child may be restarted. Every end that nobody asked for calls for another process (`permanent`). */
export interface RestartPolicy {
  /** Restarts allowed within `periodMs`; one more is giving up. 0 to 1000, default 10. */
  intensity: number;
  /**
   * Milliseconds, default 60000. It must be longer than `intensity` restarts take with their backoff,
   * or the child is restarted for ever at the backoff's cap.
   */
  periodMs: number;
}

/** Monotonic times of the restarts that still count, oldest first; never more than `intensity`. */
export type RestartHistory = readonly number[];

/** The verdict on an end, and the history to decide the next one with. */
export interface RestartDecision {
  verdict: 'respawn' | 'give-up';
  history: RestartHistory;
}

/** Fills in the defaults. Throws `ERR_SUPERVISOR_OPTION` on a number out of range. */
export function resolveRestartPolicy(given: Partial<RestartPolicy> = {}): RestartPolicy {
  return {
    intensity: checkCount('restart.intensity', given.intensity ?? 10, 0, 1000),
    periodMs: checkMs('restart.periodMs', given.periodMs ?? 60_000, 1),
  };
}

/** What follows an end at `nowMs`. A restart counts for `periodMs`, its last millisecond included, as in OTP. */
export function decideRestart(
  policy: RestartPolicy,
  history: RestartHistory,
  nowMs: number,
): RestartDecision {
  const recent = history.filter((time) => nowMs - time <= policy.periodMs);
  if (recent.length >= policy.intensity) return { verdict: 'give-up', history: recent };
  return { verdict: 'respawn', history: [...recent, nowMs] };
}

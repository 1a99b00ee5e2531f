// Decides what follows when a child has ended: another one, or giving up. Pure; terms of Erlang/OTP.
import { checkCount, checkMs } from './option-range.js';

/** What follows an end that nobody asked for, and how often. */
export interface RestartPolicy {
  /** `permanent`, the default: another process, whatever the end. `temporary`: none. */
  type: 'permanent' | 'temporary';
  /** Restarts allowed within `periodMs`; one more is giving up. 0 to 1000, default 10. */
  intensity: number;
  /**
   * Milliseconds, default 60000. It must be longer than `intensity` restarts take with their backoff,
   * or the child is restarted for ever at the backoff's cap.
   */
  periodMs: number;
}

/** The restarts that still count, oldest first; never more than `intensity`. */
export interface RestartHistory {
  /** When they were, monotonic. */
  readonly times: readonly number[];
  /** How many of the last ones were of a child that had not got ready. */
  readonly unreadyCount: number;
}

/** That of a child which was not restarted yet. */
export const NO_RESTARTS: RestartHistory = { times: [], unreadyCount: 0 };

/** The verdict on an end, and the history to decide the next one with. */
export interface RestartDecision {
  verdict: 'respawn' | 'rest' | 'give-up';
  history: RestartHistory;
}

/** Fills in the defaults. Throws `ERR_SUPERVISOR_OPTION` on a number out of range. */
export function resolveRestartPolicy(given: Partial<RestartPolicy> = {}): RestartPolicy {
  return {
    type: given.type ?? 'permanent',
    intensity: checkCount('restart.intensity', given.intensity ?? 10, 0, 1000),
    periodMs: checkMs('restart.periodMs', given.periodMs ?? 60_000, 1),
  };
}

/** What matters of an end. */
export interface ChildEnd {
  readonly wasReady: boolean;
  /** It left by itself with exit code 0. */
  readonly isNormal: boolean;
}

/**
 * What follows an end at `nowMs`. A restart counts for `periodMs`, its last millisecond included, as in OTP. The restarts
 * of a child that does not get ready count until it does, however long each try takes.
 * A temporary child rests behind a normal end, and is given up behind any other.
 */
export function decideRestart(
  policy: RestartPolicy,
  history: RestartHistory,
  nowMs: number,
  { wasReady, isNormal }: ChildEnd,
): RestartDecision {
  if (policy.type === 'temporary') return { verdict: isNormal ? 'rest' : 'give-up', history };
  const unreadyCount = wasReady ? 0 : history.unreadyCount;
  const { length } = history.times;
  const times = history.times.filter(
    (time, index) => index >= length - unreadyCount || nowMs - time <= policy.periodMs,
  );
  if (times.length >= policy.intensity) return { verdict: 'give-up', history: { times, unreadyCount } };
  const restarted = { times: [...times, nowMs], unreadyCount: wasReady ? 0 : unreadyCount + 1 };
  return { verdict: 'respawn', history: restarted };
}

// How a process is made to leave: ask, then SIGTERM, then SIGKILL, each with its limit. Pure.
import type { ChildFact } from './child-state.js';
import { checkMs } from './option-range.js';

/** A rung of the ladder: what is done to the process. `ask` is a message or whatever its owner made of it. */
export type ShutdownRung = 'ask' | 'SIGTERM' | 'SIGKILL';

/** How long each rung is given, in milliseconds. */
export interface ShutdownLimits {
  /** From the soft stop to SIGTERM; what a child needs to drain. Default 30000. */
  softMs: number;
  /** The same for a child that was never ready, and so has nothing to finish; at most `softMs`. Default `softMs`. */
  unreadyMs: number;
  /** From SIGTERM to SIGKILL. Default 5000. */
  termMs: number;
  /** From SIGKILL until the process is reported as stuck and SIGKILL is sent again. At least 1, default 5000. */
  reapMs: number;
}

/** What follows if the process is still there when a rung's limit is over. */
export interface ShutdownStep {
  limit: 'softMs' | 'termMs' | 'reapMs';
  event: ChildFact;
  next: ShutdownRung;
}

/** The ladder. The last rung repeats: until a process is reaped nobody may take its place. */
export const SHUTDOWN_LADDER: Readonly<Record<ShutdownRung, ShutdownStep>> = {
  ask: { limit: 'softMs', event: 'soft-limit', next: 'SIGTERM' },
  SIGTERM: { limit: 'termMs', event: 'term-limit', next: 'SIGKILL' },
  SIGKILL: { limit: 'reapMs', event: 'reap-limit', next: 'SIGKILL' },
};

/** Fills in the defaults. Throws `ERR_SUPERVISOR_OPTION` on a number out of range. */
export function resolveShutdownLimits(given: Partial<ShutdownLimits> = {}): ShutdownLimits {
  const softMs = checkMs('shutdown.softMs', given.softMs ?? 30_000);
  return {
    softMs,
    unreadyMs: Math.min(softMs, checkMs('shutdown.unreadyMs', given.unreadyMs ?? softMs)),
    termMs: checkMs('shutdown.termMs', given.termMs ?? 5_000),
    reapMs: checkMs('shutdown.reapMs', given.reapMs ?? 5_000, 1),
  };
}

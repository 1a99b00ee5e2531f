// How the master is kept alive unless the daemon's owner says otherwise: the one table of these numbers.
import type { SupervisionOptions } from './daemon-options.js';

/** The default of each {@link SupervisionOptions}; times in ms. */
export const SUPERVISION_DEFAULTS: Readonly<Required<SupervisionOptions>> = {
  restart: { intensity: 8, periodMs: 60_000 },
  backoff: { baseMs: 1, factor: 5, capMs: 5_000, resetAfterMs: 10_000 },
  bootTimeoutMs: 30_000,
  heartbeat: { intervalMs: 2_000, limitMs: 15_000 },
  stopTimeoutMs: 3_600_000,
  stopNowTimeoutMs: 5_000,
  listenerGraceMs: 10_000,
};

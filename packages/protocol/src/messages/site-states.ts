// The states of a site as its status shows them, and what each means to those who read that: one row a state, so that
// daemon, fleet and command line tell alike what is well, what is under way and where clients may be led.

/**
 * A state of a site. `running`: published. `waiting`: not started yet, see `waitsFor`. `booting`: no generation is
 * published yet. `restarting`: its workers leave, others boot when they have gone. `idle`: it has no workers, its next connection starts one.
 * `frozen`: its workers stand still, its next connection or request lets them go on.
 * `finished`: a job, which is done. `errored`: given up, see `reason`.
 */
export type SiteState =
  | 'waiting'
  | 'booting'
  | 'running'
  | 'reloading'
  | 'restarting'
  | 'frozen'
  | 'idle'
  | 'stopping'
  | 'stopped'
  | 'finished'
  | 'errored';

/** What a state means to those who look at the site. */
export interface ShownSiteState {
  /** `fine`: as its conf wants it. `pending`: on its way there, or to its end. `off`: ended by an order. `failed`: given up. */
  readonly verdict: 'fine' | 'pending' | 'off' | 'failed';
  /** Whether it is at rest, its workers are being changed, or other sites have to come up first. */
  readonly phase: 'rest' | 'change' | 'wait';
  /** Whether others may lead clients to it: at any time, if a worker is ready, once its first one is, or not. */
  readonly reach: 'always' | 'by-worker' | 'soon' | 'no';
  /** Whether it is to have all its workers, or was to. */
  readonly whole: boolean;
}

/** {@link SiteState} → {@link ShownSiteState}, in the order in which a site goes through them. */
// prettier-ignore
export const SHOWN_SITE_STATES: Readonly<Record<SiteState, ShownSiteState>> = {
  waiting:    { verdict: 'pending', phase: 'wait',   reach: 'soon',      whole: false },
  booting:    { verdict: 'pending', phase: 'change', reach: 'soon',      whole: true },
  running:    { verdict: 'fine',    phase: 'rest',   reach: 'by-worker', whole: true },
  reloading:  { verdict: 'fine',    phase: 'change', reach: 'by-worker', whole: true },
  restarting: { verdict: 'pending', phase: 'change', reach: 'no',        whole: true },
  frozen:     { verdict: 'fine',    phase: 'rest',   reach: 'always',    whole: true },
  idle:       { verdict: 'fine',    phase: 'rest',   reach: 'always',    whole: false },
  stopping:   { verdict: 'pending', phase: 'change', reach: 'no',        whole: false },
  stopped:    { verdict: 'off',     phase: 'rest',   reach: 'no',        whole: false },
  finished:   { verdict: 'fine',    phase: 'rest',   reach: 'no',        whole: false },
  errored:    { verdict: 'failed',  phase: 'rest',   reach: 'no',        whole: true },
};

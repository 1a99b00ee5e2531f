// The states of a worker as its site's status shows them, and what each means to those who read that: one row a state.

/** A state of a worker. */
export type WorkerState = 'booting' | 'ready' | 'draining' | 'stopping' | 'backoff' | 'errored' | 'exited';

/** What a state means to those who look at the worker. */
export interface ShownWorkerState {
  /** Whether its slot has a worker or gets one again, has one that takes nothing new, or none. */
  readonly presence: 'there' | 'leaving' | 'none';
  /** Whether it ended when nobody wanted it to. */
  readonly fails: boolean;
}

/** {@link WorkerState} → {@link ShownWorkerState}. */
// prettier-ignore
export const SHOWN_WORKER_STATES: Readonly<Record<WorkerState, ShownWorkerState>> = {
  booting:  { presence: 'there',   fails: false },
  ready:    { presence: 'there',   fails: false },
  draining: { presence: 'leaving', fails: false },
  stopping: { presence: 'leaving', fails: false },
  backoff:  { presence: 'there',   fails: true },
  errored:  { presence: 'none',    fails: true },
  exited:   { presence: 'none',    fails: false },
};

// The life of a site as one total table: every state says what it means, and has an answer to every event. Beside it
// stand two values that any state may have, pause and maintenance.
import type { SiteState as PublicState } from '@vhostd/protocol';

/** Where a site is. */
export type SiteState =
  /** Its addresses and hosts have not been asked for, or are being opened. */
  | 'loaded'
  /** They can't be had. */
  | 'blocked'
  /** Sites that it depends on are not published. */
  | 'waiting'
  /** Its first worker boots. */
  | 'booting'
  /** A worker is ready, others of its first boot are not. */
  | 'filling'
  /** It serves. */
  | 'running'
  /** No worker is ready; those that ended are started again by their restart policy. */
  | 'retrying'
  /** The next generation boots while the present one serves. */
  | 'reloading'
  /** Its workers leave; when they have gone, others boot. */
  | 'restarting'
  /** Its workers stand still; a connection, or whatever else is for them, lets them go on. */
  | 'frozen'
  /** It has no workers; a connection starts one. */
  | 'idle'
  /** It is a job, and each of its workers has ended with exit code 0. */
  | 'finished'
  /** All its workers are given up. */
  | 'errored'
  /** Its workers leave, and none follows. */
  | 'stopping'
  /** They have gone. */
  | 'stopped';

/** What somebody asks for. Each is granted or refused by name. */
export type SiteRequest =
  /** To be brought up. */
  | 'start'
  | 'reload'
  /** All workers replaced at once, the old ones first. */
  | 'restart'
  /** A worker is wanted where there is none. */
  | 'wake'
  /** Nobody has been connected for the idle limit. */
  | 'rest'
  /** There has been no request for the limit of that, and its workers have no connection left. */
  | 'freeze'
  /** There is something for its workers. */
  | 'thaw'
  | 'stop';

/** What happens. */
export type SiteFact =
  /** Its addresses are open and its hosts routed, or they are not. */
  | 'placed'
  | 'places-failed'
  /** What is known of the sites that it depends on. */
  | 'dependencies-missing'
  | 'dependencies-ready'
  /** They are there, and its conf wants no worker until somebody connects. */
  | 'none-wanted'
  /**
   * What its workers are after one of them has changed: none left and one given up, each finished, none ready, one ready,
   * each ready, finished or given up.
   */
  | 'workers-failed'
  | 'workers-finished'
  | 'workers-none'
  | 'workers-ready'
  | 'workers-settled'
  /** Those who wait for its first boot have been told that it failed. */
  | 'boot-failed'
  | 'reload-published'
  | 'reload-discarded'
  | 'restart-discarded'
  /** One of these two, and no worker of the generation before is ready. */
  | 'renewal-in-vain'
  /** Those that were to leave have gone. */
  | 'workers-gone';

export type SiteEvent = SiteRequest | SiteFact;

/** Why a request was not granted. */
export type SiteRefusal =
  | 'not-started'
  | 'already-started'
  /** It follows what is at work. */
  | 'at-work'
  /** There is nothing to replace. */
  | 'is-idle'
  | 'is-finished'
  | 'not-idle'
  | 'not-frozen'
  /** It does not serve in peace. */
  | 'not-running'
  | 'being-stopped'
  | 'is-stopped';

/** A cell of the table: the next state, or why not. */
export type SiteStep = SiteState | SiteRefusal;

/** What a state means beside where it leads. */
export interface SiteStateMeaning {
  /** What `vhostd status` shows. */
  readonly status: PublicState;
  /**
   * Whether a connection finds a worker or starts one, has to wait for one, or waits in vain. In `reloading` a worker
   * of either generation may serve; none has to.
   */
  readonly serves: 'now' | 'later' | 'never';
  /** Whether it counts as published, for those who wait for it: if a worker is ready, also without one, or not at all. */
  readonly published: 'yes' | 'by-worker' | 'no';
  /**
   * `unplaced`: it has not been given addresses and hosts, and, as in `placed`, no worker has been started. `begun`: one
   * has. `serving`: so too, and nothing about its workers is being changed on purpose. `ending`: it stops, or has stopped.
   */
  readonly life: 'unplaced' | 'placed' | 'begun' | 'serving' | 'ending';
  /** Whether a worker may boot. `awaited`: what else changes the workers waits for it. */
  readonly boots: 'awaited' | 'perhaps' | 'no';
  /** Whether its spares are kept at their number once its workers have booted, left as they are, or ended. */
  readonly spares: 'kept' | 'left' | 'none';
  /** What may be done at its time: a job be run, the workers of any other site be replaced. */
  readonly cron: 'run' | 'reload' | 'both' | 'none';
}

/** A row of the table. */
export interface SiteStateRow extends SiteStateMeaning {
  readonly next: Readonly<Record<SiteEvent, SiteStep>>;
}

/**
 * {@link SiteState} → what it means, and {@link SiteEvent} → {@link SiteStep}. Requests are spelled out; a fact that is not
 * leaves the state as it is.
 */
// prettier-ignore
export const SITE_STATES: Readonly<Record<SiteState, SiteStateRow>> = {
  loaded: row('loaded',
    { status: 'waiting', serves: 'later', published: 'no', life: 'unplaced', boots: 'no', spares: 'none', cron: 'none' },
    { start: 'loaded', reload: 'not-started', restart: 'not-started', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { placed: 'waiting', 'places-failed': 'blocked' }),
  blocked: row('blocked',
    { status: 'errored', serves: 'never', published: 'no', life: 'unplaced', boots: 'no', spares: 'none', cron: 'none' },
    { start: 'blocked', reload: 'not-started', restart: 'not-started', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { placed: 'waiting' }),
  waiting: row('waiting',
    { status: 'waiting', serves: 'later', published: 'no', life: 'placed', boots: 'no', spares: 'none', cron: 'none' },
    { start: 'waiting', reload: 'not-started', restart: 'not-started', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'dependencies-ready': 'booting', 'none-wanted': 'idle', 'workers-finished': 'finished' }),
  booting: row('booting',
    { status: 'booting', serves: 'later', published: 'by-worker', life: 'begun', boots: 'awaited', spares: 'left', cron: 'none' },
    { start: 'already-started', reload: 'at-work', restart: 'restarting', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'workers-failed': 'errored', 'workers-finished': 'finished', 'workers-ready': 'filling', 'workers-settled': 'running', 'boot-failed': 'retrying' }),
  filling: row('filling',
    { status: 'running', serves: 'now', published: 'by-worker', life: 'serving', boots: 'perhaps', spares: 'left', cron: 'reload' },
    { start: 'already-started', reload: 'at-work', restart: 'restarting', wake: 'not-idle', rest: 'idle', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'workers-failed': 'errored', 'workers-finished': 'finished', 'workers-none': 'booting', 'workers-settled': 'running' }),
  running: row('running',
    { status: 'running', serves: 'now', published: 'by-worker', life: 'serving', boots: 'perhaps', spares: 'kept', cron: 'reload' },
    { start: 'already-started', reload: 'reloading', restart: 'restarting', wake: 'not-idle', rest: 'idle', freeze: 'frozen', thaw: 'not-frozen', stop: 'stopping' },
    { 'workers-failed': 'errored', 'workers-finished': 'finished', 'workers-none': 'retrying' }),
  retrying: row('retrying',
    { status: 'booting', serves: 'later', published: 'by-worker', life: 'begun', boots: 'perhaps', spares: 'left', cron: 'reload' },
    { start: 'already-started', reload: 'reloading', restart: 'restarting', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'workers-failed': 'errored', 'workers-finished': 'finished', 'workers-ready': 'running', 'workers-settled': 'running' }),
  reloading: row('reloading',
    { status: 'reloading', serves: 'now', published: 'by-worker', life: 'begun', boots: 'awaited', spares: 'left', cron: 'none' },
    { start: 'already-started', reload: 'at-work', restart: 'at-work', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'reload-published': 'running', 'reload-discarded': 'running', 'renewal-in-vain': 'retrying' }),
  restarting: row('restarting',
    { status: 'restarting', serves: 'later', published: 'by-worker', life: 'begun', boots: 'awaited', spares: 'left', cron: 'none' },
    { start: 'already-started', reload: 'at-work', restart: 'at-work', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'restart-discarded': 'running', 'renewal-in-vain': 'retrying', 'workers-gone': 'booting' }),
  frozen: row('frozen',
    { status: 'frozen', serves: 'now', published: 'by-worker', life: 'begun', boots: 'no', spares: 'left', cron: 'reload' },
    { start: 'already-started', reload: 'reloading', restart: 'restarting', wake: 'not-idle', rest: 'idle', freeze: 'not-running', thaw: 'running', stop: 'stopping' },
    { 'workers-failed': 'errored', 'workers-finished': 'finished', 'workers-none': 'retrying', 'workers-ready': 'running' }),
  idle: row('idle',
    { status: 'idle', serves: 'now', published: 'yes', life: 'begun', boots: 'no', spares: 'kept', cron: 'both' },
    { start: 'already-started', reload: 'is-idle', restart: 'is-idle', wake: 'booting', rest: 'is-idle', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    {}),
  finished: row('finished',
    { status: 'finished', serves: 'never', published: 'yes', life: 'begun', boots: 'no', spares: 'none', cron: 'run' },
    { start: 'already-started', reload: 'is-finished', restart: 'restarting', wake: 'booting', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    {}),
  errored: row('errored',
    { status: 'errored', serves: 'never', published: 'by-worker', life: 'begun', boots: 'no', spares: 'none', cron: 'both' },
    { start: 'already-started', reload: 'reloading', restart: 'restarting', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'workers-ready': 'running', 'workers-settled': 'running', 'workers-none': 'retrying' }),
  stopping: row('stopping',
    { status: 'stopping', serves: 'never', published: 'no', life: 'ending', boots: 'no', spares: 'none', cron: 'none' },
    { start: 'being-stopped', reload: 'being-stopped', restart: 'being-stopped', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'stopping' },
    { 'workers-gone': 'stopped' }),
  stopped: row('stopped',
    { status: 'stopped', serves: 'never', published: 'no', life: 'ending', boots: 'no', spares: 'none', cron: 'none' },
    { start: 'loaded', reload: 'is-stopped', restart: 'is-stopped', wake: 'not-idle', rest: 'not-running', freeze: 'not-running', thaw: 'not-frozen', stop: 'is-stopped' },
    {}),
};

/** One step through the table; `from` and `to` may be the same state. */
export interface SiteStateChange {
  readonly from: SiteState;
  readonly event: SiteEvent;
  readonly to: SiteState;
}

/** The state of one site. */
export class SiteStateMachine {
  readonly #onChange: (change: SiteStateChange) => void;
  #state: SiteState = 'loaded';

  constructor(onChange: (change: SiteStateChange) => void) {
    this.#onChange = onChange;
  }

  get state(): SiteState {
    return this.#state;
  }

  /** It is being brought up, and no worker has been started. */
  get starting(): boolean {
    return this.meaning.life === 'unplaced' || this.meaning.life === 'placed';
  }

  /** A worker has been started. */
  get begun(): boolean {
    return !this.starting && !this.stopping;
  }

  /** It has been given addresses and hosts, which one that is stopped keeps. */
  get placed(): boolean {
    return this.meaning.life !== 'unplaced';
  }

  /** It serves, and nothing about its workers is being changed on purpose. */
  get serving(): boolean {
    return this.meaning.life === 'serving';
  }

  /** Its workers stand still. */
  get frozen(): boolean {
    return this.#state === 'frozen';
  }

  /** It stops, or has stopped. */
  get stopping(): boolean {
    return this.meaning.life === 'ending';
  }

  get meaning(): SiteStateMeaning {
    return SITE_STATES[this.#state];
  }

  /** Takes the step, or says why not. */
  apply(event: SiteEvent): 'ok' | SiteRefusal {
    const step = SITE_STATES[this.#state].next[event];
    if (!isSiteState(step)) return step;
    this.#transition(event, step);
    return 'ok';
  }

  /** The only place that assigns the state. */
  #transition(event: SiteEvent, to: SiteState): void {
    const from = this.#state;
    this.#state = to;
    this.#onChange({ from, event, to });
  }
}

/** Whether a step is a state, and not a refusal. */
export function isSiteState(step: SiteStep): step is SiteState {
  return Object.hasOwn(SITE_STATES, step);
}

function row(
  self: SiteState,
  meaning: SiteStateMeaning,
  requests: Record<SiteRequest, SiteStep>,
  facts: Partial<Record<SiteFact, SiteState>>,
): SiteStateRow {
  const next = {
    placed: self,
    'places-failed': self,
    'dependencies-missing': self,
    'dependencies-ready': self,
    'none-wanted': self,
    'workers-failed': self,
    'workers-finished': self,
    'workers-none': self,
    'workers-ready': self,
    'workers-settled': self,
    'boot-failed': self,
    'reload-published': self,
    'reload-discarded': self,
    'restart-discarded': self,
    'renewal-in-vain': self,
    'workers-gone': self,
    ...requests,
    ...facts,
  };
  return { ...meaning, next };
}

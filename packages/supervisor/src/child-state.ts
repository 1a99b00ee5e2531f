// The life of a supervised child as one total table: every state has an answer to every event.

/** Where a slot is. `idle`, `exited` and `errored` rest: no process, no timer, left by a request only. */
export type ChildState =
  /** Never started. */
  | 'idle'
  /** No process; the next one is spawned when the delay is over. */
  | 'backoff'
  /** A process was spawned and hasn't said yet that it is ready. */
  | 'booting'
  /** It does its work. */
  | 'ready'
  /** It was asked to leave, by a soft stop or SIGTERM. */
  | 'stopping'
  /** SIGKILL was sent; its end hasn't been seen yet. */
  | 'killing'
  /** Given up: it ended more often than its restart policy allows. The owner decides. */
  | 'errored'
  /** It ended, and neither the owner nor the policy wants another. */
  | 'exited';

/** What an owner, or a child by a message, asks for. Each is granted or refused by name. */
export type ChildRequest = 'start' | 'ready' | 'fail' | 'stop' | 'kill';

/** What happens by itself: a limit passes, or the process is reaped and one of three verdicts follows. */
export type ChildFact =
  /** The delay before the next spawn is over. */
  | 'retry'
  /** Not ready in time. */
  | 'boot-limit'
  /** Still there so long after the soft stop; SIGTERM follows. */
  | 'soft-limit'
  /** Still there so long after SIGTERM; SIGKILL follows. */
  | 'term-limit'
  /** Still there so long after SIGKILL, which only the kernel can explain. */
  | 'reap-limit'
  /** Reaped, and another is wanted. */
  | 'respawn'
  /** Reaped, and no other is wanted. */
  | 'rest'
  /** Reaped once too often. */
  | 'give-up';

export type ChildEvent = ChildRequest | ChildFact;

/** Why a request was not granted. */
export type Refusal =
  /** There is none to do this to. */
  | 'no-process'
  /** A process runs already. */
  | 'already-started'
  | 'already-ready'
  /** It has been told to leave and will not be anything else. */
  | 'being-stopped';

/** The answer to a request. */
export type Answer = 'ok' | Refusal;

/** A cell of the table: the next state, why not, or `illegal` for what cannot happen in that state. */
export type ChildStep = ChildState | Refusal | 'illegal';

const NO_FACTS: Readonly<Record<ChildFact, 'illegal'>> = {
  retry: 'illegal',
  'boot-limit': 'illegal',
  'soft-limit': 'illegal',
  'term-limit': 'illegal',
  'reap-limit': 'illegal',
  respawn: 'illegal',
  rest: 'illegal',
  'give-up': 'illegal',
};

/** {@link ChildState} → {@link ChildEvent} → {@link ChildStep}. Requests are spelled out, unlisted facts are `illegal`. */
// prettier-ignore
export const NEXT: Readonly<Record<ChildState, Readonly<Record<ChildEvent, ChildStep>>>> = {
  idle: row(
    { start: 'booting', ready: 'no-process', fail: 'no-process', stop: 'idle', kill: 'idle' }, {}),
  backoff: row(
    { start: 'booting', ready: 'no-process', fail: 'no-process', stop: 'exited', kill: 'exited' },
    { retry: 'booting' }),
  booting: row(
    { start: 'already-started', ready: 'ready', fail: 'stopping', stop: 'stopping', kill: 'killing' },
    { 'boot-limit': 'stopping', respawn: 'backoff', rest: 'exited', 'give-up': 'errored' }),
  ready: row(
    { start: 'already-started', ready: 'already-ready', fail: 'stopping', stop: 'stopping', kill: 'killing' },
    { respawn: 'backoff', rest: 'exited', 'give-up': 'errored' }),
  stopping: row(
    { start: 'being-stopped', ready: 'being-stopped', fail: 'being-stopped', stop: 'stopping', kill: 'killing' },
    { 'soft-limit': 'stopping', 'term-limit': 'killing', respawn: 'backoff', rest: 'exited', 'give-up': 'errored' }),
  killing: row(
    { start: 'being-stopped', ready: 'being-stopped', fail: 'being-stopped', stop: 'killing', kill: 'killing' },
    { 'reap-limit': 'killing', respawn: 'backoff', rest: 'exited', 'give-up': 'errored' }),
  errored: row(
    { start: 'booting', ready: 'no-process', fail: 'no-process', stop: 'exited', kill: 'exited' }, {}),
  exited: row(
    { start: 'booting', ready: 'no-process', fail: 'no-process', stop: 'exited', kill: 'exited' }, {}),
};

/** Whether a cell of {@link NEXT} is a state, and not a refusal or `illegal`. */
export function isChildState(step: ChildStep): step is ChildState {
  return Object.hasOwn(NEXT, step);
}

/** Whether a slot in this state has no process and no timer, and stays so until a request. */
export function isResting(state: ChildState): boolean {
  return state === 'idle' || state === 'exited' || state === 'errored';
}

function row(
  requests: Record<ChildRequest, ChildState | Refusal>,
  facts: Partial<Record<ChildFact, ChildState>>,
): Record<ChildEvent, ChildStep> {
  return { ...NO_FACTS, ...requests, ...facts };
}

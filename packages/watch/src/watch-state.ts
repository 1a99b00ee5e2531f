// The life of a watched program as one total table: every state has an answer to every event.

/** Where the program is. */
export type WatchState =
  /** Not started yet. */
  | 'idle'
  /** No process; the next one starts as soon as no file is being written. */
  | 'due'
  | 'running'
  /** The process and what it has started are being ended; the next one follows. */
  | 'stopping'
  /** No process; it has ended by itself, and the next one follows after a delay. */
  | 'backoff'
  /** No process; a change is waited for. */
  | 'waiting'
  /** The process is being ended, and none follows. */
  | 'leaving'
  /** All is over. */
  | 'over';

/** What is asked for, by the user or by a signal. */
export type WatchRequest = 'start' | 'restart' | 'quit';

/** What happens. */
export type WatchFact =
  /** Files have changed, and are written whole. */
  | 'changed'
  /** No file is being written. */
  | 'calm'
  /** The process and all that it has started are gone, and `-n` does not hold the next one back. */
  | 'ended'
  /** The same, and `-n` says to wait for a change. */
  | 'ended-for-now'
  /** The delay of `backoff` is over. */
  | 'delay-over';

export type WatchEvent = WatchRequest | WatchFact;

/** What is done on the way to the next state. */
export type WatchEffect =
  | 'none'
  /** Start a process. */
  | 'spawn'
  /** End the process. */
  | 'stop'
  /** Begin the delay. */
  | 'delay'
  /** Give the process the signal that was received, and end it. */
  | 'pass'
  /** SIGKILL. */
  | 'kill'
  /** Tell that it is over. */
  | 'finish';

/** A cell of the table; `illegal` is what cannot happen in that state. */
export type WatchStep = readonly [to: WatchState, effect: WatchEffect] | 'illegal';

/** {@link WatchState} → {@link WatchEvent} → {@link WatchStep}. */
// prettier-ignore
export const NEXT: Readonly<Record<WatchState, Readonly<Record<WatchEvent, WatchStep>>>> = {
  idle: {
    start: ['due', 'none'], restart: ['idle', 'none'], quit: ['over', 'finish'],
    changed: ['idle', 'none'], calm: ['idle', 'none'],
    ended: 'illegal', 'ended-for-now': 'illegal', 'delay-over': 'illegal',
  },
  due: {
    start: ['due', 'none'], restart: ['due', 'none'], quit: ['over', 'finish'],
    changed: ['due', 'none'], calm: ['running', 'spawn'],
    ended: 'illegal', 'ended-for-now': 'illegal', 'delay-over': 'illegal',
  },
  running: {
    start: ['running', 'none'], restart: ['stopping', 'stop'], quit: ['leaving', 'pass'],
    changed: ['stopping', 'stop'], calm: ['running', 'none'],
    ended: ['backoff', 'delay'], 'ended-for-now': ['waiting', 'none'], 'delay-over': 'illegal',
  },
  stopping: {
    start: ['stopping', 'none'], restart: ['stopping', 'none'], quit: ['leaving', 'pass'],
    changed: ['stopping', 'none'], calm: ['stopping', 'none'],
    ended: ['due', 'none'], 'ended-for-now': ['due', 'none'], 'delay-over': 'illegal',
  },
  backoff: {
    start: ['due', 'none'], restart: ['due', 'none'], quit: ['over', 'finish'],
    changed: ['due', 'none'], calm: ['backoff', 'none'],
    ended: 'illegal', 'ended-for-now': 'illegal', 'delay-over': ['due', 'none'],
  },
  waiting: {
    start: ['due', 'none'], restart: ['due', 'none'], quit: ['over', 'finish'],
    changed: ['due', 'none'], calm: ['waiting', 'none'],
    ended: 'illegal', 'ended-for-now': 'illegal', 'delay-over': 'illegal',
  },
  leaving: {
    start: ['leaving', 'none'], restart: ['leaving', 'none'], quit: ['leaving', 'kill'],
    changed: ['leaving', 'none'], calm: ['leaving', 'none'],
    ended: ['over', 'finish'], 'ended-for-now': ['over', 'finish'], 'delay-over': 'illegal',
  },
  over: {
    start: ['over', 'none'], restart: ['over', 'none'], quit: ['over', 'none'],
    changed: ['over', 'none'], calm: ['over', 'none'],
    ended: 'illegal', 'ended-for-now': 'illegal', 'delay-over': 'illegal',
  },
};

// What an owner tells a slot when it is made, and what the slot tells its owner from then on.
import type { BackoffOptions } from './backoff.js';
import type { ChildHandle } from './child-handle.js';
import type { ChildReason } from './child-reason.js';
import type { StateChange } from './lifecycle.js';
import type { Os } from './os.js';
import type { RestartPolicy } from './restart-policy.js';
import type { ShutdownLimits } from './shutdown.js';

/** Options of `SupervisedChild`. A number out of range throws `ERR_SUPERVISOR_OPTION`. */
export interface SupervisedChildOptions {
  /** Names the slot in messages. */
  name: string;
  /** Creates the process. What it throws counts as a failed start, as does an error before there is a pid. */
  spawn: () => ChildHandle;
  restart?: Partial<RestartPolicy>;
  backoff?: Partial<BackoffOptions>;
  shutdown?: Partial<ShutdownLimits>;
  /** From the spawn to `markReady()`, in milliseconds; then it is stopped as a failed start. Default 30000. */
  bootTimeoutMs?: number;
  /** What a child that is not ready in time has left undone; part of the reason. */
  whyNotReady?: () => string;
  /**
   * Whether the end of a child that was not ready, and was not told to end, is no failure of a start: another one is spawned
   * at once, and the policy hears nothing of it. Asked once for each such end. Default: none is.
   */
  excuses?: (reason: ChildReason) => boolean;
  /** Replaced by tests. */
  os?: Os;
}

/** Emitted in the order in which they happened, when the slot has settled: a listener may ask for more. */
export interface SupervisedChildEvents {
  /** Every step. */
  state: (change: StateChange) => void;
  /** There is a process. */
  spawned: (pid: number) => void;
  /** The process was reaped; exactly one for each 'spawned'. */
  exit: (reason: ChildReason) => void;
  /** There was no process, and why. */
  'spawn-failed': (reason: ChildReason) => void;
  /** Given up: only the owner starts it again. */
  errored: (reason: ChildReason) => void;
  /** A living process could not be signalled or asked; supervision goes on. */
  fault: (error: Error) => void;
  /** Not reaped within `reapMs` after SIGKILL; it is killed again, and emitted again, each `reapMs`. */
  stuck: (pid: number | undefined) => void;
}

/** Options of `stop` and `fail`. */
export interface StopOptions {
  /** SIGKILL at once, also to a process that is being stopped already. Default false. */
  now?: boolean;
}

// Says in one sentence and a few fields why a process ended or an attempt to have one failed.

/** Why a process is no more. */
export interface ChildReason {
  /** What came first: the process ended by itself or as asked, or what made it be stopped, or never begin. */
  readonly what: 'exit' | 'spawn-failed' | 'boot-limit' | 'failed';
  /** Exit code; null if a signal ended it, it never began, or it was no child of this process. */
  readonly code: number | null;
  /** Signal that ended it, or null. */
  readonly signal: string | null;
  /** One sentence for people. */
  readonly message: string;
  /** What the system said about a spawn that failed. */
  readonly error?: Error;
}

/** What made a living process be stopped, known before it ends. */
export interface ChildFault {
  readonly what: 'boot-limit' | 'failed';
  readonly message: string;
}

/** The reason for an end that was observed. */
export function exitReason(code: number | null, signal: string | null, fault?: ChildFault): ChildReason {
  const how =
    signal !== null ? `was ended by ${signal}` : code === null ? 'ended' : `exited with code ${code}`;
  if (fault === undefined) return { what: 'exit', code, signal, message: how };
  return { what: fault.what, code, signal, message: `${fault.message}; ${how}` };
}

/** What is said of a process that was not ready in time, and of what it has left undone. */
export function notReady(limitMs: number, why: string | undefined): string {
  return `not ready within ${limitMs} ms${why === undefined ? '' : `: ${why}`}`;
}

/** The reason for a process that never began. */
export function spawnFailure(thrown: unknown): ChildReason {
  const error = toError(thrown);
  return {
    what: 'spawn-failed',
    code: null,
    signal: null,
    message: `could not be spawned: ${error.message}`,
    error,
  };
}

/**
 * Whether there was no process for want of pids, memory, descriptors or room on a disk: what a child cannot help, and what
 * ends when others leave.
 */
export function isShortage({ error }: Pick<ChildReason, 'error'>): boolean {
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < CAUSES_MAX_COUNT; depth += 1) {
    if ('code' in cause && SHORTAGES.has(String(cause.code))) return true;
    ({ cause } = cause);
  }
  return false;
}

/** fork(2), pipe(2), open(2), mkfifo(3); and a master's fork of which Node says no more. */
const SHORTAGES: ReadonlySet<string> = new Set([
  'EAGAIN',
  'ENOMEM',
  'EMFILE',
  'ENFILE',
  'ENOSPC',
  'EDQUOT',
  'ERR_MASTER_SPAWN',
]);
const CAUSES_MAX_COUNT = 5;

/** Whether the process left by itself with exit code 0. */
export function isNormalEnd(reason: ChildReason): boolean {
  return reason.what === 'exit' && reason.code === 0;
}

/** The thrown value as an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

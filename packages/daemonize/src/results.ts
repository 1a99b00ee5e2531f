// What start, stop and restart say.

/** The outcome of a start or restart. A process that could not be started is an error instead. */
export type StartResult =
  /** It was started, and has lived for `minUptimeMs`. */
  | { status: 'started'; pid: number }
  /** It was running already, started by this or another program. Nothing was done. */
  | { status: 'running'; pid: number }
  /** A later `stop()` or `restart()` of the same object came in between. */
  | { status: 'cancelled' };

/** The outcome of a stop. */
export type StopResult =
  /** The process ended after SIGTERM. */
  | { status: 'stopped'; pid: number }
  /** The process did not end within `stopTimeoutMs` after SIGTERM, and was ended with SIGKILL. */
  | { status: 'killed'; pid: number }
  /** There was no process to stop. */
  | { status: 'not-running' }
  /** The PID file's process is gone or cannot be told from another, which has its pid now. It got no signal. */
  | { status: 'stranger'; pid: number };

/** How a process ended: one of the two is null. */
export interface DaemonEnd {
  /** The pid that it had. */
  pid: number;
  /** Its exit code, 0 to 255. */
  code: number | null;
  /** The signal that ended it. */
  signal: NodeJS.Signals | null;
}

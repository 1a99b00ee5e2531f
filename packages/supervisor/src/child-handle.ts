// What supervision needs of a process, whoever created it: cluster.fork, child_process.fork or spawn.
import type { ChildProcess } from 'node:child_process';

/** One process, from its spawn to its end. */
export interface ChildHandle {
  /** Undefined if it could not be spawned; then `onError` tells why. */
  readonly pid: number | undefined;
  /** Sends a signal; false if it could not be sent. */
  kill(signal: NodeJS.Signals): boolean;
  /** Asks it to leave by itself, for instance with a message. Without it a stop begins with SIGTERM. */
  softStop?(): void;
  /** Calls back once, when the process has ended. Not called if it could not be spawned. */
  onExit(callback: (code: number | null, signal: string | null) => void): void;
  /** Calls back on a spawn that failed and on troubles of a living process: a signal or message not sent. */
  onError(callback: (error: Error) => void): void;
}

/** Options of {@link fromChildProcess}. */
export interface FromChildProcessOptions {
  /** Becomes {@link ChildHandle.softStop}. */
  softStop?: () => void;
}

/**
 * Adapts a ChildProcess; it must be called in the same turn of the event loop as the spawn. For a worker of
 * node:cluster pass `worker.process`, and give the worker itself an 'error' listener: cluster repeats the
 * process's 'error' there, and unheard it throws.
 *
 * When the process has ended, one listener is left on it, which ignores 'error': a message that could not be
 * sent is reported even after the exit, and unheard it would throw.
 */
export function fromChildProcess(child: ChildProcess, options: FromChildProcessOptions = {}): ChildHandle {
  child.on('error', ignore);
  return {
    pid: child.pid,
    ...options,
    kill: (signal) => child.kill(signal),
    onExit(callback) {
      child.once('exit', callback);
    },
    onError(callback) {
      child.on('error', callback);
      child.once('exit', () => child.off('error', callback));
    },
  };
}

function ignore(): void {
  // whoever registered with onError has heard it while it mattered
}

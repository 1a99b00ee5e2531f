// The OS seam: all that this package takes from clock, timers, signals and files. Tests replace it as a whole.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** A running timer. */
export interface OsTimer {
  /** The callback will not run any more. Does nothing after it ran. */
  cancel(): void;
}

/** The outcome of a signal: `forbidden` means that the process exists and belongs to someone else (EPERM). */
export type KillOutcome = 'sent' | 'gone' | 'forbidden';

/** The functions of the operating system that supervision needs. */
export interface Os {
  /** Milliseconds on a clock that never jumps and never goes back; its zero means nothing. */
  now(): number;
  /**
   * Runs `callback` once after `delayMs`. A timer with `ref: true` keeps this process alive until it ran
   * or was cancelled, one with `ref: false` doesn't.
   */
  setTimer(callback: () => void, delayMs: number, options: { ref: boolean }): OsTimer;
  /** Runs `callback` after the event loop has once read what its pipes and sockets hold. */
  afterPoll(callback: () => void): void;
  /** Sends a signal to one process; 0 only asks. A pid that doesn't name one process (0, negative) is `gone`. */
  kill(pid: number, signal: NodeJS.Signals | 0): KillOutcome;
  /** The text of a file, undefined if it isn't there. Throws the system's error if it is but can't be read. */
  readFile(path: string): string | undefined;
}

/** The machine that this process runs on. */
export const realOs: Os = {
  now: () => performance.now(),
  setTimer(callback, delayMs, { ref }) {
    const timer = setTimeout(callback, delayMs);
    if (!ref) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  afterPoll(callback) {
    setImmediate(callback);
  },
  kill(pid, signal) {
    if (!isPid(pid)) return 'gone';
    try {
      process.kill(pid, signal);
      return 'sent';
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ESRCH') return 'gone';
      if (code === 'EPERM') return 'forbidden';
      throw error;
    }
  },
  readFile(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (ABSENT.has(errorCode(error))) return undefined;
      throw error;
    }
  },
};

/** Whether kill(2) would take this number for exactly one process: 0, -1 and other negatives mean many. */
export function isPid(pid: number): boolean {
  return Number.isInteger(pid) && pid > 0 && pid <= 0x7fff_ffff;
}

/** ESRCH is what a read of /proc/PID says when the process ended after the open. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ESRCH']);

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

// A machine for tests: a clock that stands still until it is told to move, and processes that do as they are told.
import type { ChildHandle } from './child-handle.js';
import type { KillOutcome, Os, OsTimer } from './os.js';

interface Pending {
  callback: () => void;
  dueMs: number;
  ref: boolean;
}

/** Time passes in {@link FakeOs.advance} only; timers run in the order in which they are due. */
export class FakeOs implements Os {
  readonly files: Map<string, string> = new Map();
  /** What kill says about a pid that isn't listed is `gone`. */
  readonly processes: Map<number, KillOutcome> = new Map();
  readonly kills: [pid: number, signal: NodeJS.Signals | 0][] = [];
  #nowMs = 5_000;
  #timers: Pending[] = [];
  #unread: (() => void)[] = [];
  #afterPoll: (() => void)[] = [];

  now(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number, { ref }: { ref: boolean }): OsTimer {
    const timer: Pending = { callback, dueMs: this.#nowMs + delayMs, ref };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  afterPoll(callback: () => void): void {
    this.#afterPoll.push(callback);
  }

  kill(pid: number, signal: NodeJS.Signals | 0): KillOutcome {
    this.kills.push([pid, signal]);
    return this.processes.get(pid) ?? 'gone';
  }

  readFile(path: string): string | undefined {
    return this.files.get(path);
  }

  /** Whether each pending timer keeps the process alive, in the order in which they are due. */
  get pendingRefs(): boolean[] {
    return this.#timers.toSorted((a, b) => a.dueMs - b.dueMs).map((timer) => timer.ref);
  }

  /** Time passes, and the event loop turns. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#run(next);
      this.#poll();
    }
    this.#nowMs = untilMs;
  }

  /** Time passes while the event loop is blocked; then it turns once: the timers first, then what has arrived. */
  block(ms: number): void {
    this.#nowMs += ms;
    const overdue = this.#timers.filter((timer) => timer.dueMs <= this.#nowMs);
    for (const timer of overdue) this.#run(timer);
    this.#poll();
  }

  /** Something arrives and is read when the event loop polls for the next time. */
  arrive(onRead: () => void): void {
    this.#unread.push(onRead);
  }

  #nextDue(untilMs: number): Pending | undefined {
    const [first] = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs);
    return first !== undefined && first.dueMs <= untilMs ? first : undefined;
  }

  #run(timer: Pending): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.callback();
  }

  #poll(): void {
    for (const onRead of this.#unread.splice(0)) onRead();
    for (const callback of this.#afterPoll.splice(0)) callback();
  }
}

/** A process that ends when the test says so, or by a signal that it dies of. */
export class FakeProcess implements ChildHandle {
  readonly pid: number | undefined;
  /** What was done to it: signals, and `ask` for a soft stop. */
  readonly received: string[] = [];
  readonly softStop: () => void;
  readonly #diesOf: readonly string[];
  readonly #onExit: ((code: number | null, signal: string | null) => void)[] = [];
  readonly #onError: ((error: Error) => void)[] = [];
  ended = false;

  /** A signal in `diesOf` ends it before `kill` returns. */
  constructor(pid: number | undefined, diesOf: readonly string[] = ['SIGTERM', 'SIGKILL']) {
    this.pid = pid;
    this.#diesOf = diesOf;
    this.softStop = () => {
      this.received.push('ask');
      if (this.#diesOf.includes('ask')) this.exit(0);
    };
  }

  kill(signal: NodeJS.Signals): boolean {
    this.received.push(signal);
    if (this.ended || this.pid === undefined) return false;
    if (this.#diesOf.includes(signal)) this.exit(null, signal);
    return true;
  }

  onExit(callback: (code: number | null, signal: string | null) => void): void {
    this.#onExit.push(callback);
  }

  onError(callback: (error: Error) => void): void {
    this.#onError.push(callback);
  }

  /** May be called again, as no real process would. What has no pid fails instead. */
  exit(code: number | null, signal: string | null = null): void {
    if (this.pid === undefined) return this.fail(new Error('spawn ENOENT'));
    this.ended = true;
    for (const callback of this.#onExit) callback(code, signal);
  }

  fail(error: Error): void {
    if (this.pid === undefined) this.ended = true;
    for (const callback of this.#onError) callback(error);
  }
}

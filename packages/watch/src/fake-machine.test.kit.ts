// A machine for tests: time that stands still until it is told to pass, files that change on demand, obedient programs.
import type { Os, OsTimer } from '@vhostd/supervisor';
import { EventEmitter } from 'eventemitter3';
import type { ProgramHandle } from './program/program-process.js';
import type { ChangeSource } from './watched-program.js';

interface Pending {
  callback: () => void;
  dueMs: number;
}

/** Timers run in {@link FakeTime.advance} only, in the order in which they are due. */
export class FakeTime implements Os {
  #nowMs = 5000;
  #timers: Pending[] = [];

  now(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): OsTimer {
    const timer: Pending = { callback, dueMs: this.#nowMs + delayMs };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  afterPoll(callback: () => void): void {
    this.setTimer(callback, 0);
  }

  kill(): 'gone' {
    return 'gone';
  }

  readFile(): undefined {
    return undefined;
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#timers = this.#timers.filter((other) => other !== next);
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  /** Time passes in small steps between which promises are resolved. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.advance(10);
      // what is awaited takes a few turns of the queue of promises
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    }
  }

  #nextDue(untilMs: number): Pending | undefined {
    const [first] = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs);
    return first !== undefined && first.dueMs <= untilMs ? first : undefined;
  }
}

/** Files that are written and settle when the test says so. */
export class FakeFiles
  extends EventEmitter<{ changed: (paths: readonly string[], firstMs: number) => void; calm: () => void }>
  implements ChangeSource
{
  isCalm = true;
  readonly #time: FakeTime;
  #firstMs = 0;

  constructor(time: FakeTime) {
    super();
    this.#time = time;
  }

  /** Somebody begins to write. */
  write(): void {
    if (this.isCalm) this.#firstMs = this.#time.now();
    this.isCalm = false;
  }

  /** What was being written is whole; without paths nothing has changed in the end. */
  settle(...paths: string[]): void {
    this.isCalm = true;
    if (paths.length > 0) this.emit('changed', paths, this.#firstMs);
    this.emit('calm');
  }

  change(...paths: string[]): void {
    this.write();
    this.settle(...paths);
  }
}

/** A program that ends when the test says so, or of the signals that it dies of. */
export class FakeProgram implements ProgramHandle {
  readonly pid: number | undefined;
  /** What was done to it. */
  readonly received: string[] = [];
  readonly #diesOf: readonly string[];
  #onExit: (code: number | null, signal: string | null) => void = () => undefined;
  #onError: (error: Error) => void = () => undefined;
  #onLeftBehind: (count: number) => void = () => undefined;

  constructor(pid: number | undefined, diesOf: readonly string[]) {
    this.pid = pid;
    this.#diesOf = diesOf;
  }

  softStop(): void {
    this.#receive('ask', 'SIGTERM');
  }

  kill(signal: NodeJS.Signals): boolean {
    this.#receive(`all ${signal}`, signal);
    return true;
  }

  leave(signal: NodeJS.Signals): void {
    this.#receive(`leave ${signal}`, signal);
  }

  pass(signal: NodeJS.Signals): void {
    this.#receive(`pass ${signal}`, signal);
  }

  onExit(callback: (code: number | null, signal: string | null) => void): void {
    this.#onExit = callback;
  }

  onError(callback: (error: Error) => void): void {
    this.#onError = callback;
  }

  onLeftBehind(callback: (count: number) => void): void {
    this.#onLeftBehind = callback;
  }

  exit(code: number | null, signal: string | null = null): void {
    this.#onExit(code, signal);
  }

  fail(message: string): void {
    this.#onError(new Error(message));
  }

  /** Its process has ended, and some that it had started have not. */
  leaveBehind(count: number): void {
    this.#onLeftBehind(count);
  }

  #receive(what: string, signal: string): void {
    this.received.push(what);
    if (this.#diesOf.includes(signal)) this.exit(null, signal);
  }
}

// Decides when changed files count: once all of them are written whole.
import type { Os, OsTimer } from '@vhostd/supervisor';
import { isSameState } from './file-state.js';
import type { FileState } from './file-state.js';

/** What is needed of the file system. Replaced by tests. */
export interface FileLooks {
  read(path: string): FileState | undefined;
  /** Those of the paths that a process has open for writing. May answer with none where that can't be seen. */
  findWritten(paths: readonly string[]): Promise<ReadonlySet<string>>;
}

/** What {@link Settle} tells. */
export interface SettleEvents {
  /** These files are other than they were, and written whole. `firstMs` is when the first was touched. */
  changed(paths: readonly string[], firstMs: number): void;
  /** No file is being written any more; after `changed`, and also if nothing has changed in the end. */
  calm(): void;
  /** These are written to without a pause; they are no longer waited for. */
  restless(paths: readonly string[]): void;
}

/** A file that was touched and is not settled. */
interface Pending {
  /** Before the first touch. */
  before: FileState | undefined;
  firstMs: number;
  last: FileState | undefined;
  /** Since when it looks as it does. */
  stillSinceMs: number;
}

/**
 * Collects touched files. They have settled when for `delayMs` none of them was touched or looks different, an empty
 * one for longer, and no process has one of them open for writing. Files that end as they began have not changed.
 */
export class Settle {
  readonly #delayMs: number;
  readonly #looks: FileLooks;
  readonly #os: Os;
  readonly #events: SettleEvents;
  readonly #pending = new Map<string, Pending>();
  #timer: OsTimer | undefined;
  #lastTouchMs = 0;
  #isClosed = false;

  constructor({ delayMs, looks, os, events }: SettleOptions) {
    this.#delayMs = delayMs;
    this.#looks = looks;
    this.#os = os;
    this.#events = events;
  }

  get isCalm(): boolean {
    return this.#pending.size === 0;
  }

  /** The file was written, made or removed. `before` is what was known of it, undefined if it was not there. */
  touch(path: string, before: FileState | undefined): void {
    if (this.#isClosed) return;
    const nowMs = this.#os.now();
    const last = this.#looks.read(path);
    const known = this.#pending.get(path);
    if (known === undefined) {
      this.#pending.set(path, { before, firstMs: nowMs, last, stillSinceMs: nowMs });
    } else {
      known.last = last;
      known.stillSinceMs = nowMs;
    }
    this.#lastTouchMs = nowMs;
    if (this.#timer === undefined) this.#check(this.#delayMs);
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#pending.clear();
  }

  #check(inMs: number): void {
    this.#timer = this.#os.setTimer(() => void this.#look(), inMs, { ref: true });
  }

  async #look(): Promise<void> {
    const nowMs = this.#os.now();
    const quietMs = nowMs - this.#lastTouchMs;
    if (quietMs < this.#delayMs && !this.#hasRestless(nowMs)) {
      this.#check(this.#delayMs - quietMs);
      return;
    }
    const moving = this.#findMoving(nowMs);
    const still = [...this.#pending].flatMap(([path, { last }]) =>
      last === undefined || moving.has(path) ? [] : [path],
    );
    for (const written of await this.#looks.findWritten(still)) moving.add(written);
    if (this.#isClosed) return;
    this.#settleUnless(moving, this.#os.now());
  }

  /** Settles all if nothing moves but files that have done so for too long. */
  #settleUnless(moving: Set<string>, nowMs: number): void {
    // touched while it was asked who writes
    for (const [path, { stillSinceMs }] of this.#pending) {
      if (nowMs - stillSinceMs < this.#delayMs) moving.add(path);
    }
    const restless = [...moving].filter((path) => this.#isRestless(path, nowMs));
    if (restless.length < moving.size) {
      this.#check(this.#delayMs);
      return;
    }
    this.#timer = undefined;
    if (restless.length > 0) this.#events.restless(restless);
    this.#settle();
  }

  /** Files that look different than at the last look, and empty ones, which somebody may be about to fill. */
  #findMoving(nowMs: number): Set<string> {
    const moving = new Set<string>();
    for (const [path, pending] of this.#pending) {
      const state = this.#looks.read(path);
      if (!isSameState(state, pending.last)) {
        pending.last = state;
        pending.stillSinceMs = nowMs;
      }
      const neededMs = state?.size === 0 ? Math.max(EMPTY_DELAY_MS, this.#delayMs) : this.#delayMs;
      if (nowMs - pending.stillSinceMs < neededMs) moving.add(path);
    }
    return moving;
  }

  #settle(): void {
    const all = [...this.#pending];
    this.#pending.clear();
    const changed = all.filter(([, { before, last }]) => !isSameState(before, last));
    if (changed.length > 0) {
      const firstMs = Math.min(...changed.map(([, pending]) => pending.firstMs));
      this.#events.changed(
        changed.map(([path]) => path),
        firstMs,
      );
    }
    this.#events.calm();
  }

  #hasRestless(nowMs: number): boolean {
    return [...this.#pending.keys()].some((path) => this.#isRestless(path, nowMs));
  }

  #isRestless(path: string, nowMs: number): boolean {
    const firstMs = this.#pending.get(path)?.firstMs ?? nowMs;
    return nowMs - firstMs >= PATIENCE_MS;
  }
}

/** What {@link Settle} is made of. */
export interface SettleOptions {
  delayMs: number;
  looks: FileLooks;
  os: Os;
  events: SettleEvents;
}

/** How long a file is waited for that is written to without a pause. */
export const PATIENCE_MS = 10_000;
/** An empty file is one that was opened and not written yet, more often than not. */
const EMPTY_DELAY_MS = 1000;

// Carries out what the state table says: starts the program, ends it, starts it anew. All that it needs can be faked.
import { constants } from 'node:os';
import { VhostError } from '@vhostd/protocol';
import { Backoff, isNormalEnd, realOs, resolveBackoff, SupervisedChild } from '@vhostd/supervisor';
import type { ChildReason, Os, OsTimer } from '@vhostd/supervisor';
import { EventEmitter } from 'eventemitter3';
import type { ProgramHandle } from './program/program-process.js';
import type { NoRestartOn } from './watch-options.js';
import { NEXT } from './watch-state.js';
import type { WatchEffect, WatchEvent, WatchState } from './watch-state.js';

/** What is needed of the watched files; `FileWatcher` is one. */
export interface ChangeSource {
  /** Whether no file is being written. */
  readonly isCalm: boolean;
  /** Files have changed and are written whole. `firstMs`: when the first of them was seen, by the monotonic clock. */
  on(event: 'changed', listener: (paths: readonly string[], firstMs: number) => void): unknown;
  /** No file is being written any more; after 'changed'. */
  on(event: 'calm', listener: () => void): unknown;
}

/** Options of {@link WatchedProgram}. */
export interface WatchedProgramOptions {
  spawn: () => ProgramHandle;
  files: ChangeSource;
  noRestartOn?: NoRestartOn | undefined;
  /** SIGKILL at once. Default false. */
  instantKill?: boolean;
  /** Milliseconds from asking the program to end to SIGKILL. Default 5000. */
  killTimeoutMs?: number;
  /** Replaced by tests. */
  os?: Os;
}

/** Why a program is started anew. */
export type RestartCause = { readonly paths: readonly string[] } | 'asked';

/** What is told, in order. */
export interface WatchedProgramEvents {
  state: (change: { from: WatchState; event: WatchEvent; to: WatchState }) => void;
  /** It is about to be ended, or started, for this cause. */
  restarting: (cause: RestartCause) => void;
  /** It runs. `sinceMs`: since the first change, or since it was asked for; undefined for any other start. */
  started: (pid: number, sinceMs: number | undefined) => void;
  /** It has ended by itself; the next one follows after so many milliseconds, or undefined: after a change. */
  ended: (reason: ChildReason, nextInMs: number | undefined) => void;
  /** It has ended as it was told to. */
  stopped: (reason: ChildReason) => void;
  /** Processes that it had started were still there; they are being ended. */
  'left-behind': (count: number) => void;
  /** It has changed the same files again and again right after its start: the restart waits. */
  'changes-itself': (paths: readonly string[], delayMs: number) => void;
  /** It was told to end by the terminal and has not done so yet; nothing but another signal hurries it. */
  leaving: (pid: number) => void;
  /** The process and all that it has started are gone; before 'ended' or 'stopped'. */
  gone: () => void;
  /** It is still there so long after SIGKILL. */
  stuck: (pid: number | undefined) => void;
}

/** How a watched program has ended for good: with the code of its last process, or as of the signal that ended it. */
export interface Ending {
  code: number;
}

/** Runs a program, and runs it anew when it has ended or files have changed. Nothing runs before `start`. */
export class WatchedProgram extends EventEmitter<WatchedProgramEvents> {
  /** Resolves when it was told to quit and all of it is gone. */
  readonly over: Promise<Ending>;
  readonly #files: ChangeSource;
  readonly #noRestartOn: NoRestartOn | undefined;
  readonly #instantKill: boolean;
  readonly #os: Os;
  readonly #slot: SupervisedChild;
  readonly #backoff = new Backoff(resolveBackoff(CRASH_BACKOFF));
  readonly #loopBackoff = new Backoff(resolveBackoff(LOOP_BACKOFF));
  #state: WatchState = 'idle';
  #process: ProgramHandle | undefined;
  #startedAtMs = 0;
  /** Since when the present restart is wanted; undefined when none is. */
  #wantedAtMs: number | undefined;
  /** Of the process that ended while this was leaving. */
  #exitCode: number | undefined;
  #quitSignal: NodeJS.Signals = 'SIGTERM';
  #quitAtMs = 0;
  /** That of the present state, which it does not outlive. */
  #delay: OsTimer | undefined;
  #heldChange: OsTimer | undefined;
  #quickChange = { key: '', count: 0 };
  #finish: (ending: Ending) => void = ignore;

  constructor(options: WatchedProgramOptions) {
    super();
    this.#files = options.files;
    this.#noRestartOn = options.noRestartOn;
    this.#instantKill = options.instantKill ?? false;
    this.#os = options.os ?? realOs;
    this.over = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#slot = this.#makeSlot(options.spawn, options.killTimeoutMs ?? 5000);
    this.#files.on('changed', (paths, firstMs) => this.#changed(paths, firstMs));
    this.#files.on('calm', () => this.#happen('calm'));
  }

  get state(): WatchState {
    return this.#state;
  }

  /** The present process. */
  get pid(): number | undefined {
    return this.#slot.pid;
  }

  start(): void {
    this.#happen('start');
  }

  /** Ends the present process, if there is one, and starts the next one. */
  restart(): void {
    if (!RESTARTABLE.has(this.#state)) return;
    this.#forgetTroubles();
    this.#want('asked', this.#os.now());
    this.#happen('restart');
  }

  /**
   * Gives the signal to the program and ends when it has ended. SIGINT gives it all the time that it wants; after any
   * other it is killed at the limit. Asked once more, it is killed at once; the same signal within 100 ms is one,
   * since a terminal and npm both send it.
   */
  quit(signal: NodeJS.Signals): void {
    const nowMs = this.#os.now();
    if (this.#state === 'leaving' && nowMs - this.#quitAtMs < SAME_SIGNAL_MS) return;
    if (this.#state !== 'leaving') {
      this.#quitSignal = signal;
      this.#quitAtMs = nowMs;
    }
    this.#happen('quit');
  }

  /** Gives the program a signal that does not end this. */
  pass(signal: NodeJS.Signals): void {
    this.#process?.pass(signal);
  }

  #makeSlot(spawn: () => ProgramHandle, killTimeoutMs: number): SupervisedChild {
    const slot = new SupervisedChild({
      name: 'program',
      os: this.#os,
      spawn: () => this.#spawn(spawn),
      // what follows an end is decided by the table of this package
      restart: { intensity: 0 },
      // half of the time for the program alone, half for all that it has started
      shutdown: { softMs: killTimeoutMs / 2, termMs: killTimeoutMs / 2 },
    });
    slot.on('spawned', (pid) => {
      const sinceMs = this.#wantedAtMs === undefined ? undefined : this.#os.now() - this.#wantedAtMs;
      this.#wantedAtMs = undefined;
      this.emit('started', pid, sinceMs);
    });
    slot.on('exit', (reason) => this.#ended(reason));
    slot.on('spawn-failed', (reason) => this.#ended(reason));
    slot.on('stuck', (pid) => this.emit('stuck', pid));
    return slot;
  }

  #spawn(spawn: () => ProgramHandle): ProgramHandle {
    const handle = spawn();
    this.#process = handle;
    this.#startedAtMs = this.#os.now();
    handle.onLeftBehind((count) => {
      this.emit('left-behind', count);
      // so that the limit holds for them as well
      void this.#slot.stop();
    });
    return handle;
  }

  #ended(reason: ChildReason): void {
    this.#process = undefined;
    this.emit('gone');
    if (this.#state === 'leaving') this.#exitCode = exitCodeOf(reason);
    if (this.#state === 'leaving' || this.#state === 'stopping') this.emit('stopped', reason);
    this.#happen(this.#holdsBack(reason) ? 'ended-for-now' : 'ended', reason);
  }

  #holdsBack(reason: ChildReason): boolean {
    if (this.#noRestartOn === 'exit') return true;
    return this.#noRestartOn !== undefined && (this.#noRestartOn === 'success') === isNormalEnd(reason);
  }

  #changed(paths: readonly string[], firstMs: number): void {
    if (!RESTARTABLE.has(this.#state)) {
      this.#happen('changed');
      return;
    }
    const heldMs = this.#holdMs(paths);
    if (heldMs === 0) {
      this.#want({ paths }, firstMs);
      this.#backoff.reset();
      this.#happen('changed');
      return;
    }
    this.emit('changes-itself', paths, heldMs);
    // it is started anew in any case
    if (this.#state === 'backoff') return;
    this.#heldChange?.cancel();
    this.#heldChange = this.#os.setTimer(
      () => {
        this.#want({ paths }, this.#os.now());
        this.#happen('changed');
      },
      heldMs,
      { ref: true },
    );
  }

  /** How long a change waits: 0 unless the same files change right after the start, for the fourth time in a row. */
  #holdMs(paths: readonly string[]): number {
    const key = paths.toSorted().join('\0');
    const isQuick = this.#os.now() - this.#startedAtMs < QUICK_MS;
    if (!isQuick || key !== this.#quickChange.key) {
      this.#quickChange = { key, count: isQuick ? 1 : 0 };
      this.#loopBackoff.reset();
      return 0;
    }
    this.#quickChange.count += 1;
    return this.#quickChange.count < QUICK_COUNT ? 0 : this.#loopBackoff.next(0);
  }

  #want(cause: RestartCause, sinceMs: number): void {
    this.#heldChange?.cancel();
    this.#wantedAtMs ??= sinceMs;
    this.emit('restarting', cause);
  }

  #forgetTroubles(): void {
    this.#backoff.reset();
    this.#loopBackoff.reset();
    this.#quickChange = { key: '', count: 0 };
  }

  /** The only place that assigns the state. */
  #happen(event: WatchEvent, reason?: ChildReason): void {
    const from = this.#state;
    const step = NEXT[from][event];
    if (step === 'illegal') {
      throw new VhostError('ERR_WATCH_EVENT', `'${event}' cannot happen while the program is '${from}'`, {
        info: { event, state: from },
      });
    }
    const [to, effect] = step;
    this.#state = to;
    if (from !== to) {
      this.#delay?.cancel();
      this.#delay = undefined;
    }
    this.emit('state', { from, event, to });
    this.#perform(effect, to, reason);
    if (this.#state === 'due' && this.#files.isCalm) this.#happen('calm');
  }

  #perform(effect: WatchEffect, to: WatchState, reason: ChildReason | undefined): void {
    switch (effect) {
      case 'none':
        if (to === 'waiting' && reason !== undefined) this.emit('ended', reason, undefined);
        return;
      case 'spawn':
        this.#slot.start();
        // there is nothing to wait for: its owner cannot tell when it serves
        this.#slot.markReady();
        return;
      case 'stop':
        void this.#slot.stop({ now: this.#instantKill });
        return;
      case 'delay':
        this.#beginDelay(reason);
        return;
      case 'pass':
        this.#process?.leave(this.#quitSignal);
        if (this.#quitSignal === 'SIGINT') this.#beginPatience();
        else void this.#slot.stop();
        return;
      case 'kill':
        void this.#slot.stop({ now: true });
        return;
      case 'finish':
        this.#heldChange?.cancel();
        // without a process to give it to, the signal ends this as it would have ended the program
        this.#finish({ code: this.#exitCode ?? 128 + constants.signals[this.#quitSignal] });
    }
  }

  #beginPatience(): void {
    this.#delay = this.#os.setTimer(
      () => {
        if (this.pid !== undefined) this.emit('leaving', this.pid);
      },
      PATIENCE_MS,
      { ref: false },
    );
  }

  #beginDelay(reason: ChildReason | undefined): void {
    const upMs = this.#os.now() - this.#startedAtMs;
    const delayMs = this.#backoff.next(upMs);
    this.#delay = this.#os.setTimer(() => this.#happen('delay-over'), delayMs, { ref: true });
    if (reason !== undefined) this.emit('ended', reason, delayMs);
  }
}

/** As a shell tells it: 128 and the number of the signal that ended it. */
function exitCodeOf({ code, signal }: ChildReason): number {
  if (code !== null) return code;
  return signal !== null && isSignal(signal) ? 128 + constants.signals[signal] : 1;
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

function ignore(): void {
  // replaced in the constructor
}

/** States in which a change or `rs` leads to a restart that is not under way yet. */
const RESTARTABLE: ReadonlySet<WatchState> = new Set(['running', 'backoff', 'waiting']);
/** A program that ends at once is started after 0.2 s, 0.4 s … 10 s; one that was up for 10 s begins anew. */
const CRASH_BACKOFF = { baseMs: 200, factor: 2, capMs: 10_000, resetAfterMs: 10_000 };
const LOOP_BACKOFF = { baseMs: 1000, factor: 2, capMs: 10_000 };
const QUICK_MS = 2000;
const QUICK_COUNT = 4;
const SAME_SIGNAL_MS = 100;
const PATIENCE_MS = 500;

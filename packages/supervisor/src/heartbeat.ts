// Tells whether the process at the other end still turns its event loop: pings it and counts its silence.
import { checkMs } from './option-range.js';
import { realOs } from './os.js';
import type { Os, OsTimer } from './os.js';

/** Options of {@link Heartbeat}. */
export interface HeartbeatOptions {
  /** From one ping to the next, in milliseconds, at least 1. */
  intervalMs: number;
  /** So long without a pong is too long, in milliseconds; at least twice `intervalMs`. */
  limitMs: number;
  /** Sends a ping. What it throws is ignored: the silence counts. */
  sendPing: () => void;
  /** Called once, when the peer is lost; the heartbeat has stopped by then. */
  onLost: (silentMs: number) => void;
  /** Replaced by tests. */
  os?: Os;
}

/**
 * Pings at once and then every interval until it is stopped or the peer is lost: `limitMs` after its last sign of
 * life. Time in which this process itself did not run, because its event loop was blocked or it was stopped, does
 * not count, what arrived meanwhile is read before the verdict, and if it was a whole interval the peer gets a
 * fresh interval to answer, once in each silence. Its timer does not keep the process alive.
 *
 * Throws `ERR_SUPERVISOR_OPTION` on a number out of range.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #os: Os;
  #timer: OsTimer | undefined;
  #stopped = false;
  #silentMs = 0;
  /** The silence before this time is in `#silentMs`. */
  #countedUntilMs: number;
  #excused = false;

  constructor(options: HeartbeatOptions) {
    checkMs('heartbeat.intervalMs', options.intervalMs, 1);
    checkMs('heartbeat.limitMs', options.limitMs, 2 * options.intervalMs);
    this.#options = options;
    this.#os = options.os ?? realOs;
    this.#countedUntilMs = this.#os.now();
    this.#beat();
  }

  /** The peer gave a sign of life: a pong, or any message that its event loop sent. */
  pong(): void {
    this.#silentMs = 0;
    this.#countedUntilMs = this.#os.now();
    this.#excused = false;
  }

  /** No ping and no verdict from now on. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #beat(): void {
    try {
      this.#options.sendPing();
    } catch {
      // a peer that can't be reached is silent
    }
    // sendPing belongs to the owner, who may have called stop() in it
    if (!this.#stopped) this.#wait();
  }

  #wait(): void {
    const { intervalMs, limitMs } = this.#options;
    const delayMs = Math.max(1, Math.min(intervalMs, limitMs - this.#silentMs));
    const dueAtMs = this.#os.now() + delayMs;
    this.#timer = this.#os.setTimer(() => this.#onTimer(delayMs, dueAtMs), delayMs, { ref: false });
  }

  #onTimer(delayMs: number, dueAtMs: number): void {
    const nowMs = this.#os.now();
    this.#silentMs += Math.min(nowMs - this.#countedUntilMs, delayMs);
    this.#countedUntilMs = nowMs;
    const late = nowMs - dueAtMs >= this.#options.intervalMs;
    if (this.#silentMs < this.#options.limitMs) {
      if (late) this.#excuse();
      this.#beat();
      return;
    }
    this.#os.afterPoll(() => this.#judge(late));
  }

  #judge(late: boolean): void {
    if (this.#stopped) return;
    if (late) this.#excuse();
    if (this.#silentMs < this.#options.limitMs) {
      this.#beat();
      return;
    }
    this.stop();
    this.#options.onLost(this.#silentMs);
  }

  #excuse(): void {
    const fresh = this.#options.limitMs - this.#options.intervalMs;
    if (this.#excused || this.#silentMs <= fresh) return;
    this.#excused = true;
    this.#silentMs = fresh;
  }
}

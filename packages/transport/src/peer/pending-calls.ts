// The requests that this end has sent: what waits for an answer, until when, and which handles are under way.
import { VhostError } from '@vhostd/protocol';
import type { NativeHandle } from '../node/native-handle.js';

/** A handle to send along with a request. */
export interface Passenger {
  handle: NativeHandle;
  /** Called once: the peer has it, or never will. The place to close this end's handle. */
  release: () => void;
}

/** What a request came to. */
export interface Answer {
  value: unknown;
  handle: NativeHandle | undefined;
}

interface PendingCall {
  method: string;
  /** Absent once it is settled; only its passenger is waited for then. */
  waiting:
    { resolve: (answer: Answer) => void; reject: (error: Error) => void; timer: NodeJS.Timeout } | undefined;
  passenger: Passenger | undefined;
}

export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();

  /** Calls without an answer, and those whose passenger the peer has not taken. */
  get count(): number {
    return this.#calls.size;
  }

  /** Adds a call; the promise settles by one of the methods below, or rejects with ERR_CALL_TIMEOUT. */
  add(id: number, method: string, timeoutMs: number, passenger: Passenger | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const limitMs = timeoutMs > 0 ? Math.min(timeoutMs, TIMER_MAX_MS) : 0;
      const timer = setTimeout(() => {
        const message = `'${method}' was not answered within ${limitMs} ms`;
        this.#reject(
          id,
          new VhostError('ERR_CALL_TIMEOUT', message, { info: { method, timeoutMs: limitMs } }),
        );
      }, limitMs);
      this.#calls.set(id, { method, waiting: { resolve, reject, timer }, passenger });
    });
  }

  /** The peer answered. False when nobody waits: the answer came after its time limit. */
  resolve(id: number, answer: Answer): boolean {
    const call = this.#calls.get(id);
    const waiting = this.#settle(id, call);
    waiting?.resolve(answer);
    this.#release(id, call);
    return waiting !== undefined;
  }

  /** The peer answered with an error, or nothing was sent at all. */
  fail(id: number, error: Error): void {
    const call = this.#calls.get(id);
    this.#settle(id, call)?.reject(error);
    this.#release(id, call);
  }

  /** The peer has the passenger. */
  taken(id: number): void {
    this.#release(id, this.#calls.get(id));
  }

  /** Nothing will be answered any more; `lost` makes the error of a method. */
  end(lost: (method: string) => Error): void {
    const calls = [...this.#calls];
    for (const [id, call] of calls) this.#settle(id, call)?.reject(lost(call.method));
    for (const [id, call] of calls) this.#release(id, call);
  }

  #reject(id: number, error: Error): void {
    this.#settle(id, this.#calls.get(id))?.reject(error);
  }

  #settle(id: number, call: PendingCall | undefined): PendingCall['waiting'] {
    const waiting = call?.waiting;
    if (call === undefined || waiting === undefined) return undefined;
    clearTimeout(waiting.timer);
    call.waiting = undefined;
    this.#forget(id, call);
    return waiting;
  }

  #release(id: number, call: PendingCall | undefined): void {
    const passenger = call?.passenger;
    if (call === undefined || passenger === undefined) return;
    call.passenger = undefined;
    this.#forget(id, call);
    passenger.release();
  }

  #forget(id: number, call: PendingCall): void {
    if (call.waiting === undefined && call.passenger === undefined) this.#calls.delete(id);
  }
}

/** The longest time of a timer; Node takes a longer one for 1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

// The signals that end a process. Sent to a worker, they are its master's business first: the app hears of them when its
// connections have ended, in the way that it would by itself.
import { constants } from 'node:os';

/** What tells an app that it is to end: a signal, or the message that PM2 sends in its place. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'shutdown';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];
type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

export class StopSignals {
  /** Called when the app, told to end, ends itself by a signal for which it has no listener any more. */
  onAppEnd: (() => void) | undefined = undefined;
  readonly #emit: Emit;
  #telling = false;

  /** From here on `onSignal` is called for a signal, and the app's listeners are not. */
  constructor(onSignal: (signal: Signal) => void) {
    const untyped: object = process;
    const emit: Emit = Reflect.get(untyped, 'emit');
    this.#emit = (...args) => Reflect.apply(emit, process, args);
    // Node binds what `process.emit` is when the first listener for a signal is added.
    Reflect.set(process, 'emit', (...args: Parameters<Emit>): boolean => {
      const signal = SIGNALS.find((name) => name === args[0]);
      if (signal === undefined || this.#telling) return this.#emit(...args);
      if (this.onAppEnd !== undefined && !this.#hears(signal)) this.onAppEnd();
      else onSignal(signal);
      return true;
    });
    // Without a listener the signal would end the process.
    for (const signal of SIGNALS) process.on(signal, () => undefined);
  }

  /**
   * Tells the app that it is to end: by `wanted`, else by the signal of the two for which it has a listener, SIGTERM
   * first. False: it has none, and would have ended at once.
   */
  tell(wanted: StopSignal | undefined): boolean {
    if (wanted === 'shutdown') return this.#emit('message', 'shutdown', undefined);
    const signal = wanted ?? SIGNALS.find((name) => this.#hears(name));
    if (signal === undefined || !this.#hears(signal)) return false;
    this.#telling = true;
    try {
      return this.#emit(signal, signal, constants.signals[signal]);
    } finally {
      this.#telling = false;
    }
  }

  /** Whether {@link tell} would tell it. */
  canTell(wanted: StopSignal | undefined): boolean {
    if (wanted === 'shutdown') return process.listenerCount('message') > 0;
    return wanted === undefined ? SIGNALS.some((name) => this.#hears(name)) : this.#hears(wanted);
  }

  #hears(signal: Signal): boolean {
    return process.listenerCount(signal) > 1;
  }
}

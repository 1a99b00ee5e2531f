// The signals that end a process. Sent to a worker, they are its master's business first: the app hears of them when its
// connections have ended, in the way that it would by itself.
import { getBuiltinModule } from '@vhostd/transport';

/** What tells an app that it is to end: a signal, or the message that PM2 sends in its place. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'shutdown';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];
type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

export class StopSignals {
  /** Called when the app, told to end, ends itself by a signal for which it has no listener any more. */
  onAppEnd: (() => void) | undefined = undefined;
  readonly #emit: Emit;
  /** Who heard messages before the app was loaded: Node itself, and our own link. */
  readonly #notTheApp: ReadonlySet<unknown> = new Set(process.rawListeners('message'));
  #telling = false;

  /** From here on `onSignal` is called for a signal, and the app's listeners are not. Called before the app is loaded. */
  constructor(onSignal: (signal: Signal) => void) {
    const untyped: object = process;
    const emit: Emit = Reflect.get(untyped, 'emit');
    this.#emit = (...args) => Reflect.apply(emit, process, args);
    // Node binds what `process.emit` is when the first listener for a signal is added.
    Reflect.set(process, 'emit', (...args: Parameters<Emit>): boolean => {
      const signal = SIGNALS.find((name) => name === args[0]);
      if (signal === undefined || this.#telling) return this.#emit(...args);
      if (this.onAppEnd !== undefined && !hears(signal)) this.onAppEnd();
      else onSignal(signal);
      return true;
    });
    for (const signal of SIGNALS) process.on(signal, keepAlive);
  }

  /**
   * Tells the app that it is to end: by `wanted`, else by the signal of the two for which it has a listener, SIGTERM
   * first. False: it has none, and would have ended at once.
   */
  tell(wanted: StopSignal | undefined): boolean {
    if (wanted === 'shutdown') return this.#tellByMessage();
    const signal = wanted ?? SIGNALS.find((name) => hears(name));
    if (signal === undefined || !hears(signal)) return false;
    this.#telling = true;
    // Some listeners end the process where they are the only ones (signal-exit, which many packages bring along).
    process.removeListener(signal, keepAlive);
    const stay = (name: string | symbol): void => {
      if (name === signal && process.listenerCount(signal) === 0) process.on(signal, keepAlive);
    };
    process.on('removeListener', stay);
    try {
      const { constants } = getBuiltinModule('node:os');
      return this.#emit(signal, signal, constants.signals[signal]);
    } finally {
      this.#telling = false;
      process.removeListener('removeListener', stay);
      if (!process.listeners(signal).includes(keepAlive)) process.on(signal, keepAlive);
    }
  }

  /** Whether {@link tell} would tell it. */
  canTell(wanted: StopSignal | undefined): boolean {
    if (wanted === 'shutdown') return this.#messageListeners().length > 0;
    return wanted === undefined ? SIGNALS.some((name) => hears(name)) : hears(wanted);
  }

  #tellByMessage(): boolean {
    const listeners = this.#messageListeners();
    for (const listener of listeners) Reflect.apply(listener, process, ['shutdown', undefined]);
    return listeners.length > 0;
  }

  #messageListeners(): ((...args: unknown[]) => void)[] {
    return process.rawListeners('message').filter((listener) => !this.#notTheApp.has(listener)) as ((
      ...args: unknown[]
    ) => void)[];
  }
}

/** Without a listener the signal would end the process. */
function keepAlive(): void {
  // Nothing: what follows from a signal is decided where it is emitted.
}

/** Whether the app listens for a signal. */
function hears(signal: Signal): boolean {
  return process.listeners(signal).some((listener) => listener !== keepAlive);
}

// The signals by which an operator steers a daemon.
import { readFileSync } from 'node:fs';

/** What each signal asks for. */
export interface SignalActions {
  /** SIGTERM, SIGINT: the first time `now` is false, from the second on true. */
  stop: (now: boolean) => void;
  /** SIGHUP, unless it comes of a terminal that has closed: that is a {@link stop}. */
  reload: () => void;
  /** SIGUSR1, which opens no inspector then. */
  reopenLogs: () => void;
  /** SIGUSR2. */
  upgrade: () => void;
}

/** Listens until the returned function is called. What a terminal stops a background process by does nothing. */
export function listenForSignals(actions: SignalActions): () => void {
  let asked = false;
  const stop = (): void => {
    actions.stop(asked);
    asked = true;
  };
  const hadTerminal = hasTerminal();
  const hangUp = (): void => {
    if (!hadTerminal || hasTerminal()) return actions.reload();
    // The shell sends one as well.
    if (!asked) stop();
  };
  const ignore = (): void => undefined;
  const listeners: readonly [NodeJS.Signals, () => void][] = [
    ['SIGTERM', stop],
    ['SIGINT', stop],
    ['SIGHUP', hangUp],
    ['SIGUSR1', () => actions.reopenLogs()],
    ['SIGUSR2', () => actions.upgrade()],
    ['SIGTSTP', ignore],
    ['SIGTTIN', ignore],
    ['SIGTTOU', ignore],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

/**
 * Whether this process has a controlling terminal: `tty_nr` of proc(5). The kernel takes it away before it sends SIGHUP
 * for a terminal that has closed.
 */
function hasTerminal(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The second field, a name in brackets, may hold anything.
  const [, , , , terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return terminal !== '0';
}

// The signals by which an operator steers a daemon.

/** What each signal asks for. */
export interface SignalActions {
  /** SIGTERM, SIGINT: the first time `now` is false, from the second on true. */
  stop: (now: boolean) => void;
  /** SIGHUP. */
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
  const ignore = (): void => undefined;
  const listeners: readonly [NodeJS.Signals, () => void][] = [
    ['SIGTERM', stop],
    ['SIGINT', stop],
    ['SIGHUP', () => actions.reload()],
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

// The signals by which an operator steers a daemon.

/** What each signal asks for. */
export interface SignalActions {
  /** SIGTERM, SIGINT: the first time `now` is false, from the second on true. */
  stop: (now: boolean) => void;
  /** SIGHUP. */
  reload: () => void;
  /** SIGUSR2. */
  upgrade: () => void;
}

/** Listens until the returned function is called. */
export function listenForSignals(actions: SignalActions): () => void {
  let asked = false;
  const stop = (): void => {
    actions.stop(asked);
    asked = true;
  };
  const reload = (): void => actions.reload();
  const upgrade = (): void => actions.upgrade();
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', reload).on('SIGUSR2', upgrade);
  return () => {
    process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', reload).off('SIGUSR2', upgrade);
  };
}

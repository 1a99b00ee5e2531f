// What must be ended however the benchmark itself ends: at its own time, or all of it at a signal.

const pending = new Set<() => Promise<void>>();
let interrupted = false;

/**
 * Says how to end something that is about to be started. What is returned does that, once; a signal does it, too.
 * @throws {Error} when the benchmark is being interrupted: nothing may be started any more.
 */
export function mustEnd(end: () => Promise<void>): () => Promise<void> {
  if (interrupted) throw new Error('the benchmark is being interrupted');
  let ended: Promise<void> | undefined;
  const once = async (): Promise<void> => {
    ended ??= end().finally(() => pending.delete(once));
    await ended;
  };
  pending.add(once);
  return once;
}

/**
 * From now on SIGINT, SIGTERM, SIGHUP and an error that nobody caught end all of it, newest first, and then this
 * process: with 128 + the signal's number, or with 1.
 */
export function endAllWhenInterrupted(): void {
  const interrupt = (exitCode: number): void => {
    if (interrupted) return;
    interrupted = true;
    void endAll().finally(() => process.exit(exitCode));
  };
  process.on('SIGINT', () => interrupt(130));
  process.on('SIGTERM', () => interrupt(143));
  process.on('SIGHUP', () => interrupt(129));
  process.on('uncaughtException', (error) => {
    // What fails while everything is being ended fails for that reason.
    if (!interrupted) console.error(error);
    interrupt(1);
  });
}

async function endAll(): Promise<void> {
  for (const end of [...pending].toReversed()) {
    try {
      await end();
    } catch (error) {
      console.error(error);
    }
  }
}

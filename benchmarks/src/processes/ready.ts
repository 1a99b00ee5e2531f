// How a server process of a benchmark tells the benchmark that it serves, and what it is asked afterwards.

/** Sent once, when every worker serves. */
export interface Ready {
  port: number;
  workerPids: number[];
}

/** Tells the benchmark; from now on it may ask for a garbage collection, so that memory can be compared. */
export function sendReady(ready: Ready): void {
  process.send?.(ready);
  process.on('message', (message) => {
    if (message !== 'collect') return;
    // There with --expose-gc only.
    const collect: unknown = Reflect.get(globalThis, 'gc');
    if (typeof collect === 'function') Reflect.apply(collect, undefined, []);
    process.send?.('collected');
  });
}

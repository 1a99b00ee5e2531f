// What this process holds, after a full garbage collection: what must be the same after any number of reloads.
import cluster from 'node:cluster';
import type { EventEmitter } from 'node:events';
import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Resources {
  descriptors: number;
  /** What keeps the event loop alive, by type: handles, timers, requests. */
  active: Record<string, number>;
  /** Listeners on the objects that live as long as the process. */
  listeners: Record<string, number>;
  /** Processes that node:cluster knows. */
  workers: number;
  /** The heap and what hangs on it. */
  heapBytes: number;
}

/** Measures; the counts are taken first. */
export async function measure(): Promise<Resources> {
  await turn();
  const counts = {
    descriptors: readdirSync('/proc/self/fd').length,
    active: tally(process.getActiveResourcesInfo()),
    listeners: { ...listenersOf('process', process), ...listenersOf('cluster', cluster) },
    workers: Object.keys(cluster.workers ?? {}).length,
  };
  for (let round = 0; round < 3; round += 1) {
    collectGarbage();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { ...counts, heapBytes: heapUsed + external };
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function listenersOf(owner: string, emitter: EventEmitter): Record<string, number> {
  const names = emitter.eventNames().map(String).toSorted();
  return Object.fromEntries(names.map((name) => [`${owner} ${name}`, emitter.listenerCount(name)]));
}

setFlagsFromString('--expose-gc');
// Bytecode that has not run for some collections is dropped: steps of 100 kB at any time.
setFlagsFromString('--no-flush-bytecode');
const collectGarbage = runInNewContext('gc') as () => void;

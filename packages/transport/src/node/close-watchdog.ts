// Ends a close that waits: where another process lets a socket linger at the wrong moment, close(2) stops this thread
// for as long as that process chose. A signal with a handler ends the wait, so a thread sends one where a close takes
// too long. It looks while there are closes, and sleeps when there has been none for a moment.
//
// Undocumented: the handles behind Node's sockets and pipes have a `close` that they share, by which their descriptors
// are closed at once. close-watchdog.test.ts fails where that changes.
import { closeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { closingPrototypes } from './pipe-internals.js';

/** At {@link CLOSES} a number that is odd during a close; at {@link ASLEEP} 1 while the thread waits for one. */
const state = new Int32Array(new SharedArrayBuffer(8));
const CLOSES = 0;
const ASLEEP = 1;

let watchdog: Worker | undefined;

/**
 * Starts the watchdog of this process, over the closes of all handles; again, it does nothing. It does not keep the
 * process alive.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the handles.
 */
export function startCloseWatchdog(): void {
  if (watchdog !== undefined) return;
  process.on('SIGURG', () => undefined);
  for (const prototype of closingPrototypes()) watchCloses(prototype);
  watchdog = new Worker(PROGRAM, {
    eval: true,
    workerData: { state, pid: process.pid, lookMs: LOOK_MS, limitMs: LIMIT_MS, restCount: REST_LOOK_COUNT },
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  watchdog.on('error', () => undefined);
  watchdog.unref();
}

/** Runs what closes descriptors in which another process may have put something. */
export function whileClosing<T>(close: () => T): T {
  Atomics.add(state, CLOSES, 1);
  if (Atomics.load(state, ASLEEP) === 1) Atomics.notify(state, CLOSES);
  try {
    return close();
  } finally {
    Atomics.add(state, CLOSES, 1);
  }
}

/** Closes a descriptor that is no handle's. */
export function closeWatched(fd: number): void {
  whileClosing(() => closeSync(fd));
}

function watchCloses(prototype: { close(...args: unknown[]): unknown }): void {
  const close: unknown = Reflect.get(prototype, 'close');
  if (typeof close !== 'function') return;
  prototype.close = function watched(...args) {
    return whileClosing((): unknown => Reflect.apply(close, this, args));
  };
}

const PROGRAM = `
const { state, pid, lookMs, limitMs, restCount } = require('node:worker_threads').workerData;
const clock = new Int32Array(new SharedArrayBuffer(4));
let last = Atomics.load(state, ${CLOSES});
let sinceMs = performance.now();
let quietCount = 0;
for (;;) {
  Atomics.wait(clock, 0, 0, lookMs);
  const closes = Atomics.load(state, ${CLOSES});
  const nowMs = performance.now();
  if (closes !== last) {
    last = closes;
    sinceMs = nowMs;
    quietCount = 0;
  } else if ((closes & 1) === 1) {
    if (nowMs - sinceMs < limitMs) continue;
    process.kill(pid, 'SIGURG');
    sinceMs = nowMs - limitMs / 2;
  } else if ((quietCount += 1) >= restCount) {
    quietCount = 0;
    Atomics.store(state, ${ASLEEP}, 1);
    Atomics.wait(state, ${CLOSES}, closes);
    Atomics.store(state, ${ASLEEP}, 0);
  }
}
`;

/** How often the thread looks, ms. */
const LOOK_MS = 20;
/** How long a close may take before a signal is sent, ms. */
const LIMIT_MS = 100;
/** After so many looks without a close the thread sleeps: to wake it for each one would cost more under load. */
const REST_LOOK_COUNT = 25;

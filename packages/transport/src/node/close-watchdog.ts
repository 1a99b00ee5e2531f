// Ends a close that waits: where another process lets a socket linger at the wrong moment, close(2) stops this thread
// for as long as that process chose. A signal with a handler ends the wait, so a thread sends one whenever the event
// loop has not turned for a moment. To a loop that is merely busy the signal does nothing.
import { Worker } from 'node:worker_threads';

let watchdog: Worker | undefined;

/** Starts the watchdog of this process; again, it does nothing. It does not keep the process alive. */
export function startCloseWatchdog(): void {
  if (watchdog !== undefined) return;
  const beats = new Int32Array(new SharedArrayBuffer(4));
  process.on('SIGURG', () => undefined);
  setInterval(() => Atomics.add(beats, 0, 1), BEAT_MS).unref();
  watchdog = new Worker(PROGRAM, {
    eval: true,
    workerData: { beats, pid: process.pid, beatMs: BEAT_MS, limitMs: LIMIT_MS },
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  watchdog.on('error', () => undefined);
  watchdog.unref();
}

const PROGRAM = `
const { beats, pid, beatMs, limitMs } = require('node:worker_threads').workerData;
const clock = new Int32Array(new SharedArrayBuffer(4));
let last = -1;
let sinceMs = performance.now();
for (;;) {
  Atomics.wait(clock, 0, 0, beatMs / 2);
  const beat = Atomics.load(beats, 0);
  const nowMs = performance.now();
  if (beat !== last) {
    last = beat;
    sinceMs = nowMs;
  } else if (nowMs - sinceMs >= limitMs) {
    process.kill(pid, 'SIGURG');
    sinceMs = nowMs - limitMs / 2;
  }
}
`;

const BEAT_MS = 40;
/** How long the event loop may stand still before a signal is sent, ms. */
const LIMIT_MS = 100;

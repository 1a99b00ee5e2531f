import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCloseWatchdog } from './close-watchdog.js';

/** Keeps the event loop from turning. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

void test('an event loop that stands still is sent a signal, which does nothing else to it', async () => {
  startCloseWatchdog();
  startCloseWatchdog();
  let signals = 0;
  process.on('SIGURG', () => void (signals += 1));
  // The thread may not have started yet.
  while (signals === 0) {
    block(300);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(signals > 0);
});

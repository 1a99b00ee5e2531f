// What the master of the hostile tests can be asked: the longest time in which its event loop did not turn.
import master from '@vhostd/master';
import type { Commands } from '../../kit/orders.js';

let longestMs = 0;
let lastMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  longestMs = Math.max(longestMs, nowMs - lastMs - TICK_MS);
  lastMs = nowMs;
}, 5).unref();

const TICK_MS = 5;

export const commands: Commands = {
  stopSite: (siteId) => master.stopSite(String(siteId)),
  /** The longest since it was asked last, ms. */
  longestGapMs: () => {
    const gapMs = longestMs;
    longestMs = 0;
    return gapMs;
  },
};

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { LoopDelayMeter } from './loop-delay.js';

test('the delay of the event loop is that since it was last read', async () => {
  const meter = new LoopDelayMeter();
  await delay(60);
  for (const startMs = performance.now(); performance.now() - startMs < 200;);
  await delay(60);
  const { maxMs, p50Ms, p99Ms } = meter.read();
  assert.ok(maxMs >= 100, `${maxMs} ms`);
  assert.ok(p50Ms <= p99Ms && p99Ms <= maxMs * 1.01, JSON.stringify({ p50Ms, p99Ms, maxMs }));
  assert.equal(meter.read().maxMs, 0);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MasterEvent } from '@vhostd/protocol';
import { WorkerRates } from './worker-rates.js';

function stats(seconds: number, requestCount: number, cpuMs: number): MasterEvent {
  const payload = { siteId: 'shop', workerId: 'shop/1', requestCount, cpuMs };
  return { time: new Date(seconds * 1_000).toISOString(), event: 'worker.stats', payload };
}

void describe('rates of a worker', () => {
  void it('are what is more by the time from one heartbeat to the next', () => {
    const rates = new WorkerRates();
    rates.take(stats(1, 100, 50));
    assert.equal(rates.of('shop/1'), undefined);
    rates.take(stats(3, 300, 1_050));
    assert.deepEqual(rates.of('shop/1'), { requests: 100, cpu: 0.5 });
    rates.take({ time: '', event: 'worker.exited', payload: { workerId: 'shop/1' } });
    assert.equal(rates.of('shop/1'), undefined);
  });
});

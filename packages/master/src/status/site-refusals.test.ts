import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MasterEvents } from '../events.js';
import { SiteRefusals } from './site-refusals.js';

test('what the workers of a site have refused is summed up, and no worker makes it a number that a status cannot hold', () => {
  const events = new MasterEvents();
  const refusals = new SiteRefusals();
  refusals.subscribe(events);
  const worker = { siteId: 'a', workerId: 'a/1', workerPid: 7, generation: 1 };
  assert.equal(refusals.of('a'), undefined);
  for (const [siteId, count] of [
    ['a', 2],
    ['a', 3],
    ['b', 2 ** 53 - 1],
    ['b', 2 ** 53 - 1],
  ] as const) {
    events.emit('worker.refused', { ...worker, siteId, status: 421, reason: 'other-host', count });
  }
  events.emit('worker.refused', { ...worker, status: 431, reason: 'too-many-fields', count: 1 });
  assert.deepEqual(refusals.of('a'), { 'other-host': 5, 'too-many-fields': 1 });
  assert.deepEqual(refusals.of('b'), { 'other-host': 2 ** 53 - 1 });
  events.emit('site.removed', { siteId: 'a' });
  assert.equal(refusals.of('a'), undefined);
});

// What is accepted while descriptors are short: nothing, until there is room again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MasterEvents } from '../events.js';
import { AcceptPause } from './accept-pause.js';

test('listeners are paused once, and resumed when there is room', async () => {
  const events = new MasterEvents();
  const calls: string[] = [];
  const resumed = new Promise((resolve) => events.on('listeners.resumed', resolve));
  let looks = 0;
  const pause = new AcceptPause(
    { pause: () => calls.push('pause') > 0, resume: async () => void calls.push('resume') },
    events,
    { missingNow: () => 3 - (looks += 1) },
  );
  for (let count = 0; count < 5; count += 1) assert.equal(pause.begin(), true);
  assert.deepEqual(calls, ['pause']);
  await resumed;
  assert.deepEqual([calls, looks], [['pause', 'resume'], 3]);
});

test('where no socket can be paused nothing is told', () => {
  const events = new MasterEvents();
  events.on('listeners.paused', () => assert.fail());
  const listeners = { pause: () => false, resume: () => assert.fail() };
  const pause = new AcceptPause(listeners, events, { missingNow: () => assert.fail() });
  assert.equal(pause.begin(), false);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counts } from './counts.js';
import { MasterEvents } from '../events.js';

test('what happens with connections is counted', () => {
  const events = new MasterEvents();
  const counts = new Counts();
  counts.subscribe(events);
  const worker = { siteId: 'a', workerId: 'a/1' };
  for (let count = 0; count < 3; count += 1) events.emit('connection.accepted', { key: 'l', secure: false });
  events.emit('connection.handed-off', { ...worker, count: 2 });
  events.emit('connection.accepted-directly', { ...worker, count: 3 });
  events.emit('connection.redispatched', { ...worker, why: 'lost' });
  events.emit('connection.handed-back', worker);
  events.emit('connection.refused', { key: 'l', status: 503, reason: 'no-worker' });
  events.emit('connection.refused', { key: 'l', status: 503, reason: 'maintenance' });
  events.emit('worker.violation', { ...worker, workerPid: 1, generation: 1, detail: 'garbage' });
  assert.deepEqual(counts.current, {
    accepted: 3,
    handedOff: 2,
    acceptedDirectly: 3,
    redispatched: 1,
    handedBack: 1,
    refused: { 503: 2 },
    refusedReasons: { 'no-worker': 1, maintenance: 1 },
    violations: 1,
  });
});

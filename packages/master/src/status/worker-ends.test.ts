import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MasterEvents } from '../events.js';
import { WorkerEnds } from './worker-ends.js';

const worker = { siteId: 'a', workerPid: 1, generation: 1 };

void it('the latest ends of workers are kept that nobody had asked for, until their site is removed', () => {
  const events = new MasterEvents();
  const ends = new WorkerEnds(() => 0);
  ends.subscribe(events);
  const exit = {
    ...worker,
    asked: false,
    expected: false,
    what: 'exit',
    reason: 'exited with code 1',
  } as const;
  events.emit('worker.exited', { ...exit, workerId: 'a/1', message: 'boom' });
  events.emit('worker.exited', { ...exit, workerId: 'a/2', asked: true });
  events.emit('worker.replaced', { ...worker, workerId: 'a/3', by: 'a/4', reason: 'its memory' });
  const time = '1970-01-01T00:00:00.000Z';
  assert.deepEqual(ends.of('a'), [
    { time, workerId: 'a/3', reason: 'its memory' },
    { time, workerId: 'a/1', reason: 'exited with code 1: boom' },
  ]);
  for (let count = 0; count < 100; count++) events.emit('worker.exited', { ...exit, workerId: `a/${count}` });
  assert.equal(ends.of('a').length, 20);
  assert.equal(ends.of('a')[0]?.workerId, 'a/99');
  assert.deepEqual(ends.of('b'), []);
  events.emit('site.removed', { siteId: 'a' });
  assert.deepEqual(ends.of('a'), []);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventLine } from './events.js';

const TIME = '2026-11-27T14:53:24.228Z';

void it('an event is shown on one line, with nothing in it that steers a terminal', () => {
  const worker = { siteId: 'a', workerId: 'a/1', workerPid: 7, generation: 2 };
  assert.equal(
    eventLine({ time: TIME, event: 'worker.ready', payload: worker }),
    `${TIME} worker.ready a/1 workerPid=7 generation=2`,
  );
  const payload = {
    siteId: 'a',
    error: { code: 'E', message: 'no\n\u001b[2J file' },
    hosts: ['x y'],
    why: 'x y',
  };
  assert.equal(
    eventLine({ time: TIME, event: 'site.failed', payload }),
    `${TIME} site.failed a error={"code":"E","message":"no\\n\\u001b[2J file"} hosts=["x y"] why="x y"`,
  );
  assert.equal(
    eventLine({ time: TIME, event: 'odd', payload: { siteId: 'a\u001b[2J' } }),
    `${TIME} odd a\\u{1b}[2J`,
  );
});

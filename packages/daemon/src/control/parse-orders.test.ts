import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseMaintenance, parsePause, parseResume } from './parse-orders.js';

void it('outcomes of orders come through as they are', () => {
  const pause = { siteId: 'a', timeoutMs: 1, maxCount: 2 };
  assert.deepEqual(parsePause({ ...pause, more: 1 }), pause);
  const resume = { siteId: 'a', wasPaused: true, heldCount: 3 };
  assert.deepEqual(parseResume(resume), resume);
  for (const page of [{}, { page: '/p.html' }]) {
    const maintenance = { siteId: 'a', on: true, silentCount: 0, ...page };
    assert.deepEqual(parseMaintenance(maintenance), maintenance);
  }
});

void it('what is none is refused', () => {
  const wrong: (() => unknown)[] = [
    () => parsePause(null),
    () => parsePause({ siteId: 'a', timeoutMs: -1, maxCount: 2 }),
    () => parseResume({ siteId: 'a', wasPaused: 1, heldCount: 3 }),
    () => parseMaintenance({ siteId: 'a', on: true }),
    () => parseMaintenance({ siteId: 'a', on: true, silentCount: 0, page: 1 }),
  ];
  for (const parse of wrong) assert.throws(parse, { code: 'ERR_MESSAGE_INVALID' });
});

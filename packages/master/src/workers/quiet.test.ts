import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuiet, parseStill } from './quiet.js';

test('what a worker tells of its quiet is taken where it can be true', () => {
  assert.deepEqual(parseQuiet({ quietMs: 5, keepAliveMs: 6 }), { quietMs: 5, keepAliveMs: 6 });
  assert.deepEqual(parseQuiet({ quietMs: 0, keepAliveMs: 0 }), { quietMs: 0, keepAliveMs: Infinity });
  for (const wrong of [null, undefined, 7, {}, { quietMs: 5 }, { quietMs: -1, keepAliveMs: 0 }])
    assert.equal(parseQuiet(wrong), undefined);
  for (const wrong of [Number.NaN, Infinity, '5'])
    assert.equal(parseQuiet({ quietMs: wrong, keepAliveMs: 0 }), undefined);
});

test('a worker that does not say how many connections it has does not stand still', () => {
  assert.equal(parseStill({ connectionCount: 3 }), 3);
  for (const wrong of [null, undefined, 'x', {}, { connectionCount: -1 }])
    assert.equal(parseStill(wrong), undefined);
});

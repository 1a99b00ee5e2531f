import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCall } from './parse-call.js';

void test('a call keeps its fields and loses anything else', () => {
  const call = { name: 'n', params: [1], timeoutMs: 5, from: 'w', workerId: 'x', socketHead: '\u00ff' };
  assert.deepEqual(parseCall({ ...call, to: 'daemon', extra: 1 }), call);
  assert.deepEqual(parseCall({ name: 'n' }), { name: 'n' });
  assert.deepEqual(parseCall({ name: 'n', params: null }), { name: 'n', params: null });
});

void test('what is no call is refused with the field that is wrong', () => {
  const wrong: [unknown, RegExp][] = [
    [undefined, /no object/],
    ['name', /no object/],
    [{}, /name/],
    [{ name: '' }, /name/],
    [{ name: 'n', timeoutMs: 0 }, /timeoutMs/],
    [{ name: 'n', timeoutMs: 2 ** 31 }, /timeoutMs/],
    [{ name: 'n', timeoutMs: Number.NaN }, /timeoutMs/],
    [{ name: 'n', from: 1 }, /from/],
    [{ name: 'n', workerId: {} }, /workerId/],
    [{ name: 'n', socketHead: null }, /socketHead/],
  ];
  for (const [received, message] of wrong) {
    assert.throws(() => parseCall(received), { code: 'ERR_CALL_INVALID', message });
  }
});

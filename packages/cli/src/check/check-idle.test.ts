import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkIdle } from './check-idle.js';

function messages(conf: Partial<Parameters<typeof checkIdle>[0]>): string[] {
  return checkIdle({ siteId: 'a', cpuLen: 1, ...conf }).map(({ message }) => message);
}

void test('a site that is never frozen by its conf, or in good time before it is stopped, is fine', () => {
  assert.deepEqual(messages({}), []);
  assert.deepEqual(messages({ idleStopMs: 5 }), []);
  assert.deepEqual(messages({ idleFreezeMs: 1000 }), []);
  assert.deepEqual(messages({ idleFreezeMs: 1000, idleStopMs: 1001 }), []);
  assert.deepEqual(messages({ idleFreezeMs: 599_999, cpuLen: 0 }), []);
});

void test('an idleFreeze of less than a second is warned of', () => {
  const [one, ...others] = messages({ idleFreezeMs: 5 });
  assert.match(String(one), /^idleFreeze is 5 ms: /);
  assert.deepEqual(others, []);
});

void test('one that is not less than idleStop is warned of, also where that is the default', () => {
  const stopped = /^idleFreeze is not less than idleStop(?:, 10m where cpuLen is 0)?: its workers are gone/;
  for (const conf of [
    { idleFreezeMs: 60_000, idleStopMs: 60_000 },
    { idleFreezeMs: 60_001, idleStopMs: 60_000 },
    { idleFreezeMs: 600_000, cpuLen: 0 },
  ]) {
    const [one, ...others] = messages(conf);
    assert.match(String(one), stopped);
    assert.deepEqual(others, []);
  }
});

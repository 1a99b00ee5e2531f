import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MasterConf } from '@vhostd/master';
import { checkSpares } from './check-spares.js';

function messages(handoff: string, ...counts: (number | undefined)[]): string[] {
  const sites = counts.map((warm, index) => ({ siteId: `s${index}`, warm }));
  return checkSpares({ sites, handoff } as unknown as MasterConf).map(({ message }) => message);
}

void test('spares that a site would not have are told, of all sites at once', () => {
  assert.deepEqual(messages('ipc', 1, undefined, 0, 2), [
    'with "handoff": "ipc" there are no spares: s0, s3 would boot each worker when it is needed',
  ]);
  assert.deepEqual(messages('ipc', undefined, 0), []);
  assert.deepEqual(messages('auto', 1, undefined, 0, 2), []);
});

void test('many spares are told, with what they take', () => {
  assert.deepEqual(messages('auto', 40, 24), []);
  assert.deepEqual(messages('auto', 40, 25), [
    '65 processes would wait beside the workers, each with 11 to 17 MB of memory of its own',
  ]);
});

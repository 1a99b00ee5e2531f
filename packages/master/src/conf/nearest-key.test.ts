import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestKey } from './nearest-key.js';

const KEYS = ['listen', 'defaultListen', 'workerFile', 'cpuLen', 'port', 'host', 'path', 'key'];

void test('the nearest key is found behind a missing, surplus, wrong or swapped letter and another case', () => {
  const meant: [key: string, nearest: string][] = [
    ['lisen', 'listen'],
    ['listenn', 'listen'],
    ['lixten', 'listen'],
    ['litsen', 'listen'],
    ['prot', 'port'],
    ['Listen', 'listen'],
    ['workerfile', 'workerFile'],
    ['worker_file', 'workerFile'],
    ['cpulen', 'cpuLen'],
    ['default_listen', 'defaultListen'],
    ['kye', 'key'],
  ];
  for (const [key, nearest] of meant) assert.equal(nearestKey(key, KEYS), nearest, key);
});

void test('a key that resembles none has no nearest one', () => {
  for (const key of ['watch', 'x', '', 'instances', '__proto__'])
    assert.equal(nearestKey(key, KEYS), undefined, key);
  assert.equal(nearestKey('listen', []), undefined);
});

void test('a key too long to be one is not compared at all', () => {
  assert.equal(nearestKey(`listen${'n'.repeat(1_000_000)}`, [...KEYS, 'n'.repeat(1_000_000)]), undefined);
});

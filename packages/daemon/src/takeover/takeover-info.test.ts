import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { TAKEOVER_VARIABLE } from '@vhostd/protocol';
import { readTakeoverInfo } from './takeover-info.js';

const MASTER = { pid: 7, startTime: '123', bootId: 'b', uptimeMs: 5, restarts: 1 };

afterEach(() => {
  delete process.env[TAKEOVER_VARIABLE];
});

describe('readTakeoverInfo', () => {
  test('gives what a process was told, once, and to the daemon of that run directory alone', () => {
    for (const told of [
      { role: 'respawned', runDir: '/run/a', master: MASTER },
      { role: 'candidate', runDir: '/run/a', daemon: { pid: 7, startTime: '', bootId: '' } },
    ]) {
      process.env[TAKEOVER_VARIABLE] = JSON.stringify(told);
      assert.equal(readTakeoverInfo('/run/b'), undefined);
      assert.deepEqual(readTakeoverInfo('/run/a'), told);
      assert.equal(readTakeoverInfo('/run/a'), undefined);
    }
  });

  test('refuses what no daemon sets', () => {
    const wrong = [
      '',
      'x',
      'null',
      '{"role":"candidate"}',
      '{"role":"king","runDir":"/run/a"}',
      '{"role":"respawned","runDir":"/run/a"}',
      JSON.stringify({ role: 'respawned', runDir: '/run/a', master: { ...MASTER, pid: '7' } }),
    ];
    for (const text of wrong) {
      process.env[TAKEOVER_VARIABLE] = text;
      assert.throws(() => readTakeoverInfo('/run/a'), { code: 'ERR_TAKEOVER_VARIABLE' }, text);
    }
  });
});

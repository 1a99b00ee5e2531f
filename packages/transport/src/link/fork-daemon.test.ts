import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { HEIR_VARIABLE } from '@vhostd/protocol';
import { readHeirship } from './fork-daemon.js';

const MASTER = { pid: 7, startTime: '123', bootId: 'b', uptimeMs: 5, restarts: 1 };

afterEach(() => {
  delete process.env[HEIR_VARIABLE];
});

describe('readHeirship', () => {
  test('gives what a process was told, once, and to the daemon of that run directory alone', () => {
    for (const told of [
      { role: 'successor', runDir: '/run/a', master: MASTER },
      { role: 'trial', runDir: '/run/a' },
    ]) {
      process.env[HEIR_VARIABLE] = JSON.stringify(told);
      assert.equal(readHeirship('/run/b'), undefined);
      assert.deepEqual(readHeirship('/run/a'), told);
      assert.equal(readHeirship('/run/a'), undefined);
    }
  });

  test('refuses what no daemon sets', () => {
    const wrong = [
      '',
      'x',
      'null',
      '{"role":"trial"}',
      '{"role":"king","runDir":"/run/a"}',
      '{"role":"successor","runDir":"/run/a"}',
      JSON.stringify({ role: 'successor', runDir: '/run/a', master: { ...MASTER, pid: '7' } }),
    ];
    for (const text of wrong) {
      process.env[HEIR_VARIABLE] = text;
      assert.throws(() => readHeirship('/run/a'), { code: 'ERR_HEIR_VARIABLE' }, text);
    }
  });
});

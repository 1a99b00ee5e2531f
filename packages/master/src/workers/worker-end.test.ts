import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import type { ChildReason } from '@vhostd/supervisor';
import { WorkerEnd } from './worker-end.js';
import type { EndedProcess } from './worker-end.js';

const KILLED: ChildReason = { what: 'exit', code: null, signal: 'SIGKILL', message: 'was ended by SIGKILL' };
const NORMAL: ChildReason = { what: 'exit', code: 0, signal: null, message: 'ended with exit code 0' };

function endOf(reason: ChildReason, of: Partial<EndedProcess> = {}): WorkerEnd {
  const conf = { autorestart: true, server: true } as EndedProcess['conf'];
  const process = { lastWords: undefined, oomKilled: false };
  return new WorkerEnd(reason, {
    workerId: 'shop/0',
    conf,
    run: { failure: undefined, overdue: false },
    process,
    ...of,
  });
}

void test('its own last lines are told with the end, and with why the worker could not be had', () => {
  const end = endOf(KILLED, { process: { lastWords: 'no database', oomKilled: false } });
  assert.equal(end.message, 'was ended by SIGKILL');
  assert.equal(end.explained, 'was ended by SIGKILL; it printed: no database');
  assert.deepEqual(end.failure, {
    code: 'ERR_WORKER_EXITED',
    message: 'worker shop/0 was ended by SIGKILL; it printed: no database',
  });
  assert.equal(end.story, 'replaced shop/0: was ended by SIGKILL; it printed: no database');
});

void test('what the worker said of its failure itself comes before what the kernel says of its end', () => {
  const failure = { code: 'ERR_BOOT', message: 'no such table' };
  const end = endOf(KILLED, { run: { failure, overdue: false } });
  assert.equal(end.failure, failure);
  assert.equal(end.story, 'replaced shop/0: no such table');
  assert.equal(end.isOrderly, false);
});

void test('a process that the kernel ended for want of memory says so, and of which limit', () => {
  const limits = { memory: 64 * 1024 * 1024 };
  const conf = { autorestart: true, server: true, limits } as EndedProcess['conf'];
  const end = endOf(KILLED, { conf, process: { lastWords: undefined, oomKilled: true } });
  assert.equal(
    end.message,
    'was ended by SIGKILL of the kernel for want of memory, as its site had reached limits.memory of 64mb',
  );
});

void test('one that could not be started is told as the system tells it', () => {
  const error = new VhostError('ERR_NODE_INTERNALS', 'no such directory');
  const end = endOf({ what: 'spawn-failed', code: null, signal: null, message: 'failed to start', error });
  assert.deepEqual([end.failure.code, end.failure.message], ['ERR_NODE_INTERNALS', 'no such directory']);
  assert.equal(end.story, 'another one before it failed to start');
});

void test('exit code 0, and for a program the signal that it was sent, is an orderly end', () => {
  const program = { autorestart: true, server: true, interpreter: 'python3' } as EndedProcess['conf'];
  const by = (code: number | null, signal: string | null): ChildReason => ({ ...KILLED, code, signal });
  assert.equal(endOf(NORMAL).isOrderly, true);
  assert.equal(endOf(by(null, 'SIGTERM')).isOrderly, false);
  assert.equal(endOf(by(null, 'SIGTERM'), { conf: program }).isOrderly, true);
  assert.equal(endOf(by(143, null), { conf: program }).isOrderly, true);
  const overdue = { failure: undefined, overdue: true };
  assert.equal(endOf(by(143, null), { conf: program, run: overdue }).isOrderly, false);
});

void test('a site without a server whose process ends without a fault hears about jobs', () => {
  const conf = { autorestart: true, server: false } as EndedProcess['conf'];
  assert.match(endOf(NORMAL, { conf }).failure.message, /"autorestart": false$/);
  assert.doesNotMatch(endOf(KILLED, { conf }).failure.message, /autorestart/);
});

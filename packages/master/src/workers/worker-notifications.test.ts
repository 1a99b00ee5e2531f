import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseFailure,
  parseLeaveReason,
  parseMaxConnections,
  parseOtherServer,
} from './worker-notifications.js';

const NOTHINGS = [undefined, null, 0, '', [], {}, { error: null }];

void test('a server is named by its place, of bounded length; of a protocol that is not HTTP it speaks TCP', () => {
  const place = { protocol: 'http', where: 'port 80', shares: true };
  assert.deepEqual(parseOtherServer({ ...place, more: 1 }), place);
  assert.deepEqual(parseOtherServer({ protocol: 1, where: 'x'.repeat(1000), shares: 'yes' }), {
    protocol: 'tcp',
    where: 'x'.repeat(256),
    shares: false,
  });
  for (const received of NOTHINGS) assert.equal(parseOtherServer(received), undefined);
});

void test('whoever wants to leave was sent SIGTERM, if its app has not closed its server', () => {
  assert.equal(parseLeaveReason({ why: 'closed' }), 'its app closed its server');
  for (const received of NOTHINGS) assert.equal(parseLeaveReason(received), 'it was sent SIGTERM');
});

void test('a limit of connections is a number', () => {
  assert.equal(parseMaxConnections({ count: 3 }), 3);
  for (const received of [...NOTHINGS, { count: '3' }, { count: null }]) {
    assert.equal(parseMaxConnections(received), undefined);
  }
});

void test('a failure has a code and a message of bounded length, whatever arrived', () => {
  const unknown = { code: 'ERR_WORKER_FAILED', message: 'the worker said that it failed, but not why' };
  for (const received of NOTHINGS) assert.deepEqual(parseFailure(received), unknown);
  assert.deepEqual(parseFailure({ error: { code: 7, message: {}, stack: [] } }), unknown);
  const long = 'x'.repeat(20_000);
  assert.deepEqual(parseFailure({ error: { code: 'E', message: long, stack: long, cause: 1 } }), {
    code: 'E',
    message: long.slice(0, 4096),
    stack: long.slice(0, 16_384),
  });
  assert.equal(parseFailure({ error: { code: 'ERR_CALL_FAILED', message: 'm' } }).code, 'ERR_WORKER_FAILED');
});

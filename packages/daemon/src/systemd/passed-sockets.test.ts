// Which sockets are taken, and what the daemons that follow are told of them; over processes: test/process/systemd.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeBind } from '@vhostd/transport';
import { BoundListeners } from '../listeners/bound-listeners.js';
import { createLog } from '../log.js';
import { passedVariables, readPassedKeys, takePassedSockets, UnusedSockets } from './passed-sockets.js';

const log = createLog('silent');

void test('sockets that are meant for another process are left to it', () => {
  const listeners = new BoundListeners();
  const env = { LISTEN_PID: '1', LISTEN_FDS: '1' };
  takePassedSockets(env, listeners, log);
  takePassedSockets({}, listeners, log);
  assert.deepEqual(Object.keys(env), ['LISTEN_PID', 'LISTEN_FDS']);
  assert.deepEqual(listeners.passed(), []);
});

void test('the variables are removed, and an invalid count takes nothing', () => {
  const listeners = new BoundListeners();
  const env = { LISTEN_PID: String(process.pid), LISTEN_FDS: '-1', LISTEN_FDNAMES: 'web' };
  takePassedSockets(env, listeners, log);
  assert.deepEqual(env, {});
  assert.deepEqual(listeners.passed(), []);
});

void test('the daemons that follow know the passed sockets by their keys', () => {
  const listeners = new BoundListeners();
  assert.deepEqual(passedVariables(listeners), {});
  assert.deepEqual(readPassedKeys({}), []);
  const keys = ['*:80', '[::1]:443'];
  const env = passedVariables(new BoundListeners({ passedKeys: keys }));
  assert.deepEqual(readPassedKeys(env), keys);
  assert.deepEqual(env, {});
});

void test('a passed socket that no site listens on is warned of once, and again when it was in use meanwhile', () => {
  const listeners = new BoundListeners();
  const bound = nativeBind('127.0.0.1', 0, 4);
  assert.ok(bound.handle !== undefined);
  listeners.addPassed(bound);
  const warnings: unknown[] = [];
  const unused = new UnusedSockets(listeners, { warn: (fields: unknown) => warnings.push(fields) });
  unused.check();
  unused.check();
  assert.equal(warnings.length, 1);
  const { key } = listeners.acquire('m', { ipaddress: '127.0.0.1', port: bound.port });
  unused.check();
  listeners.release('m', key);
  unused.check();
  assert.equal(warnings.length, 2);
  listeners.closeAll();
});

// In which order what is told is sent, and what becomes of it where it can't be sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotifySocket, sendByCall, sendByProgram } from './notify-socket.js';

void test('what is told is sent together and in order, the first at once', async () => {
  const sent: string[] = [];
  let finish: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const socket = new NotifySocket('/x', assert.fail, async (address, content) => {
    sent.push(`${address} ${content}`);
    if (sent.length === 1) await first;
    return undefined;
  });
  socket.tell(['READY=1', 'STATUS=a b']);
  socket.tell(['WATCHDOG=1']);
  assert.deepEqual(sent, ['/x READY=1\nSTATUS=a b']);
  finish();
  await new Promise(setImmediate);
  assert.deepEqual(sent.slice(1), ['/x WATCHDOG=1']);
  socket.tell(['STOPPING=1']);
  assert.deepEqual(sent.slice(2), ['/x STOPPING=1']);
});

void test('a failure is told once until something could be sent again', async () => {
  const told: string[] = [];
  const outcomes = ['ENOENT', 'ENOENT', undefined, 'ECONNREFUSED'];
  const socket = new NotifySocket(
    '/x',
    (why) => told.push(why),
    async () => await Promise.resolve(outcomes.shift()),
  );
  for (let count = 0; count < 4; count += 1) socket.tell(['WATCHDOG=1']);
  await new Promise(setImmediate);
  assert.deepEqual(told, ['ENOENT', 'ECONNREFUSED']);
});

void test('a full queue is tried again, another failure is not', async () => {
  const full = [11, 11, 0];
  assert.equal(await sendByCall(() => full.shift() ?? 1), undefined);
  assert.deepEqual(full, []);
  assert.equal(await sendByCall(() => 2), 'ENOENT');
});

void test('the program says why nothing was sent', async (t) => {
  const { PATH } = process.env;
  t.after(() => {
    process.env['PATH'] = PATH;
  });
  process.env['PATH'] = '/nowhere';
  assert.match((await sendByProgram('/nowhere/socket', 'READY=1')) ?? '', /^systemd-notify: .*ENOENT/u);
});

// The kernel lists a connection for as long as a process holds it, whoever that is, and however its client stands.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NativeHandle } from '@vhostd/transport';
import { heldSockets, socketNumber } from './held-sockets.js';

for (const host of ['127.0.0.1', '::1'])
  test(`a connection to ${host} is listed until all have closed it`, async (t) => {
    const server = createServer({ allowHalfOpen: true }).listen(0, host);
    await once(server, 'listening');
    t.after(() => server.close());
    const client = connect((server.address() as AddressInfo).port, host);
    const [socket] = (await once(server, 'connection')) as [Socket];
    const { fd } = Reflect.get(socket, '_handle') as NativeHandle;
    const number = socketNumber(fd) ?? 0;
    assert.ok(number > 0);
    assert.ok((await heldSockets()).has(number));
    const keeper = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    await once(keeper, 'spawn');
    client.end();
    socket.resume();
    await once(socket, 'end');
    socket.destroy();
    await once(socket, 'close');
    assert.ok((await heldSockets()).has(number));
    keeper.kill('SIGKILL');
    await once(keeper, 'exit');
    while ((await heldSockets()).has(number)) await delay(10);
  });

test('a descriptor that was closed has no number', () => {
  assert.equal(socketNumber(-1), undefined);
});

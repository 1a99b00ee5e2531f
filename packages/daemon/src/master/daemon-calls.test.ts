import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { Bench, next, talk } from '../fixtures/bench.test.kit.js';

const bench = new Bench();
afterEach(() => bench.clear());

void describe('calls of the daemon', () => {
  void it('reach the master, as a promise or with a callback', async () => {
    const { daemon } = await bench.serving();
    const expected = { params: { list: [1] }, from: 'daemon' };
    assert.deepEqual(await daemon.callMaster('echo', { list: [1] }), expected);
    const called = await new Promise((resolve) => {
      daemon.callMaster('echo', { list: [1] }, (...outcome) => resolve(outcome));
    });
    assert.deepEqual(called, [null, expected]);
  });

  void it('fail with what the handler threw, its code and facts included', async () => {
    const { daemon } = await bench.serving();
    await assert.rejects(daemon.callMaster('fail'), {
      code: 'ERR_WORKER_FAILED',
      message: 'as asked',
      info: { really: true },
    });
    await assert.rejects(daemon.callMaster('no such call'), { code: 'ERR_CALL_UNKNOWN' });
  });

  void it('take a connection along, with what was read from it', async () => {
    const { daemon, pid } = await bench.serving();
    const server = net.createServer();
    bench.later(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const accepting = once(server, 'connection') as Promise<[Socket]>;
    const answer = talk(address.port, 'hello');
    const [socket] = await accepting;
    await once(socket, 'readable');
    assert.equal(await daemon.callMaster('take', {}, { socket }), null);
    assert.equal(socket.destroyed, true);
    assert.equal(await answer, `${pid} read hello`);
  });

  void it('leave the connection as it is when the call can’t be sent', async () => {
    const { daemon } = await bench.serving();
    const server = net.createServer();
    bench.later(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const accepting = once(server, 'connection') as Promise<[Socket]>;
    const answer = talk(address.port, 'hello');
    const [socket] = await accepting;
    await assert.rejects(daemon.callMaster('take', { big: 1n }, { socket }), TypeError);
    await daemon.stop();
    await assert.rejects(daemon.callMaster('take', {}, { socket }), { code: 'ERR_DAEMON_STATE' });
    socket.end('still mine');
    assert.equal(await answer, 'still mine');
  });

  void it('fail at once where no master lives', async () => {
    const { daemon, pid } = await bench.serving({
      supervision: { backoff: { baseMs: 600_000, capMs: 600_000 } },
    });
    const exit = next(daemon, 'master::exit');
    process.kill(pid, 'SIGKILL');
    await exit;
    const gone = { code: 'ERR_MASTER_NOT_RUNNING', message: /ended by SIGKILL/ };
    await assert.rejects(daemon.callMaster('echo'), gone);
    await assert.rejects(daemon.callWorker('a-0', 'echo'), gone);
    await assert.rejects(daemon.reload(), gone);
  });

  void it('fail when they are none', async () => {
    const { daemon } = await bench.serving();
    await assert.rejects(daemon.callMaster(''), { code: 'ERR_CALL_INVALID' });
    await assert.rejects(daemon.callMaster('echo', {}, { timeoutMs: 0 }), { code: 'ERR_CALL_INVALID' });
  });
});

void describe('calls to the daemon', () => {
  void it('reach one set of handlers from the master and another from workers', async () => {
    const { daemon } = await bench.serving();
    daemon.onMasterCall('asked', (params, { from }) => ({ master: params, from }));
    daemon.onWorkerCall('asked', (params, { from }) => ({ worker: params, from }));
    assert.deepEqual(await daemon.callMaster('ask', 1), { master: 1, from: 'master' });
    assert.deepEqual(await daemon.callMaster('ask as a worker', 2), { worker: 2, from: 'shop-0' });
    assert.throws(() => daemon.onWorkerCall('asked', () => 1), { code: 'ERR_CALL_HANDLER' });
  });
});

void describe('an address that can’t be had', () => {
  void it('is told to the master with its code', async () => {
    const server = net.createServer();
    bench.later(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const daemon = bench.daemon({ masterArgs: ['--refused', String(address.port)] });
    const told = new Promise((resolve) => {
      daemon.onMasterCall('refused', (code) => resolve(code));
    });
    const loaded = next(daemon, 'loaded');
    await daemon.run();
    assert.equal(await told, 'ERR_LISTEN_ADDRESS_IN_USE');
    await loaded;
  });
});

// The daemon's own code and that of master and workers call one another, over the master where need be.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Daemon } from '@vhostd/daemon';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import type { CallOrder, CallReport } from './caller.site.js';

async function start(t: TestContext): Promise<Daemon> {
  const { daemon } = await startVhostd(t, {
    sites: [{ siteId: 'a', workerFile: siteFile('caller', import.meta.url), drainTimeout: '1s' }],
    daemon: { masterFile: fileURLToPath(new URL('./called-master.child.js', import.meta.url)) },
  });
  daemon.onMasterCall('whoami', (params, { from }) => ({ me: 'daemon', from, params }));
  daemon.onWorkerCall('double', (params) => Number(params) * 2);
  daemon.onWorkerCall('fail', () => {
    throw Object.assign(new Error('the daemon will not'), { code: 'E_WILL_NOT' });
  });
  daemon.onWorkerCall('socket', (params, { from, socket }) => {
    const text = `daemon for ${from}`;
    socket?.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    return params;
  });
  return daemon;
}

/** The port and the worker, once the site serves. */
async function ready(daemon: Daemon): Promise<{ port: number; workerId: string }> {
  return await until('the site serves', async () => {
    const status = await daemon.status().catch(() => undefined);
    const worker = status?.sites[0]?.workers.find(({ state }) => state === 'ready');
    const value = { port: status?.listeners[0]?.port ?? 0, workerId: worker?.workerId ?? '' };
    return { done: value.port !== 0 && value.workerId !== '', value };
  });
}

async function order(port: number, what: CallOrder): Promise<CallReport> {
  const client = await WireClient.open(port);
  const body = JSON.stringify(what);
  client.send(
    `POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const answer = await client.answer();
  client.close();
  return JSON.parse(answer.body.toString()) as CallReport;
}

test('calls between the daemon and the others', async (t) => {
  const daemon = await start(t);

  await t.test('daemon and master call each other by promise and by callback', async () => {
    assert.equal(await daemon.callMaster('double', 21), 42);
    const back = await new Promise((resolve) => {
      daemon.callMaster('double', 4, (error, result) => resolve([error, result]));
    });
    assert.deepEqual(back, [null, 8]);
    await assert.rejects(daemon.callMaster('fail'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'E_WILL_NOT');
      assert.equal(error.message, 'the master will not');
      assert.match(error.stack ?? '', /called-master\.child\.js/);
      return true;
    });
    await assert.rejects(daemon.callMaster('nothing'), { code: 'ERR_CALL_UNKNOWN' });
    await assert.rejects(daemon.callMaster('never', null, { timeoutMs: 50 }), { code: 'ERR_CALL_TIMEOUT' });
    const asked = { me: 'daemon', from: 'master', params: 'x' };
    assert.deepEqual(await daemon.callMaster('ask back', 'x'), asked);
    assert.deepEqual(await daemon.callMaster('ask back by callback', 'x'), asked);
  });

  await t.test('daemon and workers call each other by way of the master', async () => {
    const { port, workerId } = await ready(daemon);
    const seen = await daemon.callWorker(workerId, 'whoami', { text: 'é☃' });
    assert.deepEqual(seen, { me: workerId, from: 'daemon', params: { text: 'é☃' } });
    await assert.rejects(daemon.callWorker(workerId, 'fail'), { code: 'E_WILL_NOT' });
    await assert.rejects(daemon.callWorker('a/999', 'whoami'), { code: 'ERR_CALL_NO_TARGET' });
    assert.deepEqual(await order(port, { to: 'daemon', name: 'double', params: 21 }), {
      me: workerId,
      value: 42,
    });
    const failed = await order(port, { to: 'daemon', name: 'fail' });
    assert.ok('error' in failed);
    assert.equal(failed.error.code, 'E_WILL_NOT');
    assert.equal(failed.error.message, 'the daemon will not');
  });

  await t.test("a worker's connection travels to the daemon, and the daemon's to a worker", async () => {
    const { port, workerId } = await ready(daemon);
    const client = await WireClient.open(port);
    client.send('GET /daemon HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
    assert.equal((await client.answer()).body.toString(), `daemon for ${workerId}`);
    assert.equal((await client.rest()).length, 0);
    client.close();

    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const visitor = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    assert.equal(await daemon.callWorker(workerId, 'socket', 'along', { socket }), 'along');
    assert.ok(socket.destroyed);
    const [text] = (await once(visitor, 'data')) as [Buffer];
    assert.equal(text.toString(), `${workerId} for daemon`);
    await once(visitor, 'close');
    server.close();
  });

  await t.test('a killed master rejects what is pending; the next one is called as before', async () => {
    const { master } = await daemon.status();
    const rejected = assert.rejects(daemon.callMaster('never'), { code: 'ERR_CALL_LOST' });
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await rejected;
    const { port, workerId } = await ready(daemon);
    assert.equal(await daemon.callMaster('double', 1), 2);
    assert.deepEqual(await daemon.callWorker(workerId, 'whoami'), { me: workerId, from: 'daemon' });
    assert.deepEqual(await order(port, { to: 'daemon', name: 'double', params: 3 }), {
      me: workerId,
      value: 6,
    });
  });
});

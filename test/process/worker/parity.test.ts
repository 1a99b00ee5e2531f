// A site behind a master sees its connections as if it had accepted them itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSite } from '../../kit/ask-site.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const WORKER_FILE = siteFile('parity', import.meta.url);
const REQUEST = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

test('a request reaches the site of its host, and the site sees the address of the client', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a' }, { siteId: 'b', hosts: ['*.b.test'] }],
  });
  const port = await vhostd.port();
  const seen = await askSite(port, 'a.test');
  assert.equal(seen.siteId, 'a');
  assert.equal(seen.remoteAddress, '127.0.0.1');
  assert.equal(seen.localPort, port);
  assert.equal((await askSite(port, 'x.b.test')).siteId, 'b');
});

test("the server's own settings hold for connections that the master accepted", async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', workerFile: WORKER_FILE }],
  });
  const port = await vhostd.port();
  const client = await WireClient.open(port);
  const other = await WireClient.open(port);
  client.send(REQUEST);
  const first = await client.answer();
  assert.match(first.body.toString(), /^1 at \{"address":"127\.0\.0\.1",.*"family":"IPv4"/);
  assert.equal(first.headers['connection'], 'keep-alive');
  other.send(REQUEST);
  assert.match((await other.answer()).body.toString(), /^2 at /);
  // keepAliveTimeout: nothing but the server ends this connection.
  assert.equal((await other.rest()).length, 0);
  client.close();
  other.close();

  const often = await WireClient.open(port);
  often.send(REQUEST.repeat(3));
  const connection: (string | undefined)[] = [];
  for (let index = 0; index < 3; index += 1) connection.push((await often.answer()).headers['connection']);
  assert.deepEqual(connection, ['keep-alive', 'keep-alive', 'close']);
  assert.equal((await often.rest()).length, 0);
  often.close();
});

test("a site that looks at its sockets and responses finds nothing of vhostd's there", async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', workerFile: WORKER_FILE }],
  });
  const client = await WireClient.open(await vhostd.port());
  client.send('GET /seen HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await client.answer()).body.toString(), '');
  client.close();
});

test('a server that its site closes answers what it has, and another worker takes its place', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', workerFile: WORKER_FILE, settleTime: '10ms' }],
  });
  const [worker] = await vhostd.workers('a');
  const port = await vhostd.port();
  const client = await WireClient.open(port);
  client.send('GET /close HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await client.answer()).body.toString(), 'closing');
  client.close();
  const late = await WireClient.open(port);
  late.send(REQUEST);
  assert.equal((await late.answer()).status, 200);
  late.close();
  await vhostd.until(
    'it has left',
    ({ sites: [a] }) => a?.workers.every(({ pid }) => pid !== worker?.pid) === true,
  );
});

test('a worker whose server has maxConnections gets no more while another one has room', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [
      {
        siteId: 'a',
        workerFile: siteFile('crowded', import.meta.url),
        cpuLen: 2,
        balance: 'round-robin',
      },
    ],
  });
  await vhostd.ready('a', 2);
  const port = await vhostd.port();
  const kept = [await opened(port), await opened(port), await opened(port)];
  for (let round = 0; round < 6; round += 1) {
    const fourth = await opened(port);
    fourth.close();
    // Its end is told to the master a moment later.
    await vhostd.until('three are left', ({ sites: [a] }) => {
      const counts = a?.workers.map(({ connections }) => connections) ?? [];
      return counts.reduce((sum, count) => sum + count, 0) === 3;
    });
  }
  kept.push(await opened(port));
  // As a server on a port does: 'drop'.
  const fifth = await WireClient.open(port);
  fifth.send(REQUEST);
  assert.equal((await fifth.rest()).length, 0);
  for (const client of [...kept, fifth]) client.close();
});

/** A connection that has been answered, and is kept open. */
async function opened(port: number): Promise<WireClient> {
  const client = await WireClient.open(port);
  client.send(REQUEST);
  assert.equal((await client.answer()).body.toString(), 'here');
  return client;
}

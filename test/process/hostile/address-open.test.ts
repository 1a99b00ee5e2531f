// One address has more connections open than it may: it is told so, until some have ended. What a site says of its
// connections, and how long it keeps them, is nothing to other sites.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const OPEN = 3;
const conf = { limits: { perAddress: { open: OPEN } } };

test('an address has so many connections open to a site, and may open others once they have ended', async (t) => {
  const vhostd = await startVhostd(t, { conf, sites: [{ siteId: 'a' }, { siteId: 'b' }] });
  const port = await vhostd.port();
  const refused = async (): Promise<number> =>
    (await vhostd.status()).counts.refusedReasons['address-open'] ?? 0;
  const kept = await Promise.all(Array.from({ length: OPEN }, () => WireClient.open(port)));
  atEnd(t, () => kept.forEach((client) => client.close()));
  for (const client of kept) {
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await client.answer()).status, 200);
  }
  const more = await get(port, 'a.test');
  assert.deepEqual([more.status, more.headers['retry-after'], await refused()], [503, '1', 1]);
  // A connection that is kept is one, however much is asked on it; another site, and another address, count by themselves.
  const [first] = kept;
  first?.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await first?.answer())?.status, 200);
  assert.equal((await get(port, 'b.test')).status, 200);
  const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9', allowHalfOpen: true });
  await once(other, 'connect');
  const elsewhere = new WireClient(other);
  elsewhere.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
  assert.equal((await elsewhere.answer()).status, 200);
  elsewhere.close();

  kept.forEach((client) => client.close());
  await until('there is room again', async () => {
    const { status } = await get(port, 'a.test');
    return { done: status === 200, value: status };
  });
  const before = await refused();
  for (let count = 0; count < OPEN * 4; count += 1)
    assert.equal((await get(port, 'a.test')).status, 200, `${count}`);
  assert.equal(await refused(), before);
});

test('a site that keeps connections, and says that it has none, keeps their clients from itself alone', async (t) => {
  const vhostd = await startVhostd(t, {
    conf: { ...conf, handoff: 'pipe' },
    sites: [
      {
        siteId: 'a',
        workerFile: siteFile('keeps', import.meta.url),
        restart: { backoffMin: '10ms', backoffMax: '50ms' },
      },
      { siteId: 'b' },
    ],
  });
  const port = await vhostd.port();
  for (let count = 0; count < OPEN; count += 1) assert.equal((await get(port, 'a.test')).status, 200);
  for (let count = 0; count < OPEN * 4; count += 1) {
    assert.equal((await get(port, 'b.test')).status, 200, `${count}`);
    if (count % 4 === 0) assert.equal((await get(port, 'a.test')).status, 503, `${count}`);
  }
  const [worker] = await vhostd.workers('a');
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  await until('what the dead worker kept has ended', async () => {
    const { status } = await get(port, 'a.test');
    return { done: status === 200, value: status };
  });
});

// Every listener in clear says whether vhostd serves, before any site and whatever the Host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get, seenBy } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const HEALTH = { healthPath: '/healthz' };

async function open(t: TestContext, port: number): Promise<WireClient> {
  const client = await WireClient.open(port);
  atEnd(t, () => client.close());
  return client;
}

/** Waits until a health check on a connection of its own is answered like this. */
async function says(port: number, status: number, text: string): Promise<void> {
  await until(`the health check says ${status} ${text}`, async () => {
    const answer = await get(port, 'nobody.test', '/healthz');
    const value = `${answer.status} ${answer.body.toString()}`;
    return { done: value === `${status} ${text}\n`, value };
  });
}

test('the path is answered whatever the host, on any version of HTTP/1, and no site sees it', async (t) => {
  const vhostd = await startVhostd(t, { sites: [{ siteId: 'a', cpuLen: 2 }], conf: HEALTH });
  const port = await vhostd.port();
  await says(port, 200, 'serving');
  for (const [method, rest] of [
    ['GET', ' HTTP/1.1\r\nHost: a.test'],
    ['GET', '?x=1 HTTP/1.1\r\nHost: nobody.test'],
    ['GET', ' HTTP/1.1\r\nHost: 127.0.0.1'],
    ['GET', ' HTTP/1.1'],
    ['GET', ' HTTP/1.0'],
    ['GET', ' HTTP/1.0\r\nConnection: keep-alive'],
    ['HEAD', ' HTTP/1.1\r\nHost: a.test'],
  ] as const) {
    const client = await open(t, port);
    client.send(`${method} /healthz${rest}\r\n\r\n`);
    const answer = await client.head();
    assert.equal(answer.status, 200, rest);
    assert.equal(answer.headers['connection'], 'close');
    assert.equal((await client.rest()).toString(), method === 'HEAD' ? '' : 'serving\n', rest);
  }
  // Behind requests on a connection that a worker has.
  const kept = await open(t, port);
  kept.send('GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n');
  for (const url of ['/1', '/2']) assert.equal(seenBy(await kept.answer()).url, url);
  kept.send('GET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await kept.answer()).body.toString(), 'serving\n');
  assert.equal((await kept.rest()).length, 0);
  // What only looks like it is the site's.
  for (const path of ['/healthz/', '/x?/healthz'])
    assert.equal(seenBy(await get(port, 'a.test', path)).url, path);
  const { counts } = await vhostd.status();
  assert.deepEqual(counts.refused, {});
});

test('a request without a host, or for an IP address, is for the default site', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a' }, { siteId: 'd', defaultListen: true }],
    conf: HEALTH,
  });
  const port = await vhostd.port();
  for (const rest of [
    ' HTTP/1.0',
    ' HTTP/1.1\r\nHost:',
    ' HTTP/1.1\r\nHost: 127.0.0.1',
    ` HTTP/1.1\r\nHost: [::1]:80`,
  ]) {
    const client = await open(t, port);
    client.send(`GET /x${rest}\r\n\r\n`);
    assert.equal(seenBy(await client.answer()).siteId, 'd', rest);
  }
});

test('from the moment of a stop it is 503, first while all is served still, then while sites drain', async (t) => {
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [{ siteId: 'a', drainTimeout: '60s' }],
    conf: { ...HEALTH, stopDelay: '3s' },
  });
  const port = await vhostd.port();
  const kept = await open(t, port);
  kept.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await kept.answer();
  const busy = await open(t, port);
  busy.send('GET /?until=done HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await says(port, 200, 'serving');
  vhostd.signal('SIGTERM');
  await says(port, 503, 'stopping');
  assert.equal((await get(port, 'a.test')).status, 200);
  kept.send('GET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await kept.answer()).status, 503);
  await until('new requests are refused', async () => {
    const { status } = await get(port, 'a.test');
    return { done: status === 503, value: status };
  });
  await says(port, 503, 'stopping');
  vhostd.touch('done');
  assert.equal((await busy.answer()).status, 200);
  await vhostd.gone();
});

test('an upgrade is no stop', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }], conf: HEALTH });
  const port = await vhostd.port();
  await says(port, 200, 'serving');
  let busy = true;
  const answers = new Map<number, number>();
  const asking = (async () => {
    while (busy) {
      const { status } = await get(port, 'a.test', '/healthz');
      answers.set(status, (answers.get(status) ?? 0) + 1);
    }
  })();
  await vhostd.run('upgrade');
  busy = false;
  await asking;
  t.diagnostic(JSON.stringify([...answers]));
  assert.deepEqual([...answers.keys()], [200]);
});

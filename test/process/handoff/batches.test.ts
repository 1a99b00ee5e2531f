// Connections in batches: which of them go so, what it costs to wait for a head, and workers that take none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { cpuSeconds } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const HOST = 'a.test';

async function start(
  t: TestContext,
  { handoff = 'native', ...conf }: Record<string, unknown> = {},
  ...sites: SiteOptions[]
): Promise<LoneMaster> {
  const vhostd = await startVhostd(t, {
    conf: { handoff, ...conf },
    sites: sites.length > 0 ? sites : [{ siteId: 'a' }],
    commands: new URL('./batches.commands.js', import.meta.url),
  });
  assert.equal((await vhostd.status()).handoff.type, 'native');
  return vhostd;
}

interface Given {
  url: string;
  unread: boolean;
}

async function given(vhostd: LoneMaster): Promise<Given[]> {
  return (await vhostd.ask('given', null)) as Given[];
}

/** Resolves when connections to the host go in batches. */
async function batched(vhostd: LoneMaster, port: number, host = HOST): Promise<void> {
  await until('connections go in batches', async () => {
    assert.equal((await get(port, host, '/warm')).status, 200);
    return { done: (await given(vhostd)).at(-1)?.unread === true, value: undefined };
  });
}

test('a worker reads what the master has only looked at, and heads that come in pieces cost nothing', async (t) => {
  const vhostd = await start(t, { limits: { headTimeout: '60s' } });
  const port = await vhostd.port();
  await batched(vhostd, port);

  const clients: WireClient[] = [];
  for (let index = 0; index < 20; index += 1) {
    const client = await WireClient.open(port);
    client.send(`GET /piece-${index} HTTP/1.1\r\nHo`);
    clients.push(client);
  }
  const silent = await WireClient.open(port);
  await until('the master has looked at all', async () => {
    const { counts } = await vhostd.status();
    return { done: counts.accepted >= (await given(vhostd)).length + clients.length + 1, value: undefined };
  });
  // A second in which nothing comes: a poll that is ready all the time would take all of it.
  const before = cpuSeconds(vhostd.pid);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const used = cpuSeconds(vhostd.pid) - before;
  assert.ok(used < 0.5, `${used} s of CPU`);

  for (const client of clients) client.send(`st: ${HOST}\r\nConnection: close\r\n\r\n`);
  silent.send(`GET /late HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
  for (const client of [...clients, silent]) {
    assert.equal((await client.answer()).status, 200);
    client.close();
  }
  const all = await given(vhostd);
  // What came whole was left to the worker, what came in pieces was not.
  assert.equal(all.find(({ url }) => url === '/late')?.unread, true);
  assert.equal(all.find(({ url }) => url === '/piece-0')?.unread, false);
});

test('refusals, redirects and health checks answer what was only looked at', async (t) => {
  const vhostd = await start(t, { healthPath: '/livez' });
  const port = await vhostd.port();
  await batched(vhostd, port);
  assert.equal((await get(port, 'nobody.test')).status, 421);
  assert.equal((await get(port, HOST, '/livez')).status, 200);
  const client = await WireClient.open(port);
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nHost: b.test\r\n\r\n`);
  assert.equal((await client.answer()).status, 400);
  client.close();
  await vhostd.pause('a', { timeout: '10m' });
  const waiting = get(port, HOST, '/parked');
  await vhostd.until('a connection is held', ({ sites: [a] }) => (a?.parked ?? 0) > 0);
  await vhostd.resume('a');
  assert.equal((await waiting).status, 200);
});

test('a worker that can take no batches gets its connections over the pipe, beside one that takes them', async (t) => {
  const off = { workerOptions: { env: { VHOSTD_FFI: 'off' } } };
  const vhostd = await start(t, {}, { siteId: 'a' }, { siteId: 'b', ...off });
  const port = await vhostd.port();
  await batched(vhostd, port);
  for (let count = 0; count < 20; count += 1) {
    assert.equal((await get(port, 'b.test', '/piped')).status, 200);
    assert.equal((await get(port, HOST, '/batched')).status, 200);
  }
  const all = await given(vhostd);
  assert.ok(all.filter(({ url }) => url === '/piped').every(({ unread }) => !unread));
  assert.ok(all.filter(({ url }) => url === '/batched').every(({ unread }) => unread));
  assert.equal((await vhostd.status()).counts.violations, 0);
});

test('by itself a site begins with batches when many connections come', async (t) => {
  const vhostd = await start(t, { handoff: 'auto' });
  const port = await vhostd.port();
  for (let count = 0; count < 5; count += 1) assert.equal((await get(port, HOST)).status, 200);
  assert.ok((await given(vhostd)).every(({ unread }) => !unread));
  await until('connections go in batches', async () => {
    await Promise.all(Array.from({ length: 300 }, () => get(port, HOST)));
    return { done: (await given(vhostd)).at(-1)?.unread === true, value: undefined };
  });
});

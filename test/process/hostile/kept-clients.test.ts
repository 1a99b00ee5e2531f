// Connections that the master keeps for a site that stands still: a flood of clients that say nothing ends none of them,
// and they count where an address may have so many open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { crowd } from '../../kit/crowd.js';
import { limitDescriptors } from '../../kit/limit-descriptors.js';
import { descriptorCount } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const KEPT = 40;
const MANY = 100;
const SILENT = 2000;
const ROOM = 260;
const OPEN = 3;

const FROZEN = { siteId: 'a', idleFreeze: '100ms', workerOptions: { env: { KEEP_ALIVE_MS: '600000' } } };

async function ask(client: WireClient): Promise<number> {
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  return (await client.answer()).status;
}

/** Opens connections to the site, and waits until the master keeps them all. */
async function keptBy(vhostd: LoneMaster, count: number): Promise<WireClient[]> {
  const port = await vhostd.port();
  const clients: WireClient[] = [];
  for (let index = 0; index < count; index += 1) {
    const client = await WireClient.open(port);
    assert.equal(await ask(client), 200);
    clients.push(client);
  }
  await until('all are kept', async () => {
    const { kept, state } = await vhostd.site('a');
    return { done: kept === count && state === 'frozen', value: { kept, state } };
  });
  return clients;
}

test('a flood of silent clients ends none that is kept for a frozen site', async (t) => {
  const vhostd = await startVhostd(t, { sites: [FROZEN, { siteId: 'b' }] });
  const kept = await keptBy(vhostd, KEPT);
  atEnd(t, () => kept.forEach((client) => client.close()));
  await limitDescriptors(vhostd.pid, descriptorCount(vhostd.pid) + ROOM);
  const silent = crowd(t, await vhostd.port(), SILENT);
  await until('all silent ones have come', () => ({ done: silent.opened === SILENT, value: silent }));
  await until('most of them had to leave', () => ({ done: silent.ended > SILENT / 2, value: silent }));
  assert.equal((await vhostd.site('a')).kept, KEPT);
  for (const client of kept) assert.equal(await ask(client), 200);
});

test('those that are kept leave where they hold so much that nobody else comes in', async (t) => {
  const vhostd = await startVhostd(t, { sites: [FROZEN, { siteId: 'b' }] });
  const base = descriptorCount(vhostd.pid);
  const kept = await keptBy(vhostd, KEPT);
  atEnd(t, () => kept.forEach((client) => client.close()));
  // A quarter of these is held free.
  await limitDescriptors(vhostd.pid, base + KEPT + 16);
  for (let count = 0; count < 20; count += 1)
    assert.equal((await get(await vhostd.port(), 'b.test')).status, 200, `${count}`);
  const left = (await vhostd.site('a')).kept ?? 0;
  assert.ok(left < KEPT, `${left}`);
});

test('those that are kept share the descriptors with others that want them', async (t) => {
  const vhostd = await startVhostd(t, { sites: [FROZEN, { siteId: 'b' }] });
  const base = descriptorCount(vhostd.pid);
  const kept = await keptBy(vhostd, MANY);
  atEnd(t, () => kept.forEach((client) => client.close()));
  const limit = Math.ceil((base + MANY) / 0.75);
  await limitDescriptors(vhostd.pid, limit);
  const silent = crowd(t, await vhostd.port(), SILENT);
  await until('there is room for others', async () => {
    const { kept: some = 0 } = await vhostd.site('a');
    return { done: some < MANY * 0.75, value: some };
  });
  await until('all silent ones have come', () => ({ done: silent.opened === SILENT, value: silent }));
  const left = (await vhostd.site('a')).kept ?? 0;
  t.diagnostic(`${left} of ${MANY} are left; limit ${limit}, ${base} before`);
  assert.ok(left > MANY / 4, `${left}`);
  const port = await vhostd.port();
  await until('another site is served', async () => {
    const value = await get(port, 'b.test', '/', { limitMs: 60_000 }).then(({ status }) => status, String);
    return { done: value === 200, value };
  });
});

test('those that are kept count for their address', async (t) => {
  const vhostd = await startVhostd(t, {
    conf: { limits: { perAddress: { open: OPEN } } },
    sites: [FROZEN, { siteId: 'b' }],
  });
  const port = await vhostd.port();
  const kept = await keptBy(vhostd, OPEN);
  atEnd(t, () => kept.forEach((client) => client.close()));
  const counts = async (): Promise<number> =>
    (await vhostd.status()).counts.refusedReasons['address-open'] ?? 0;
  assert.deepEqual([(await get(port, 'a.test')).status, await counts()], [503, 1]);
  assert.equal((await get(port, 'b.test')).status, 200);
  for (const client of kept) assert.equal(await ask(client), 200);
  kept.pop()?.close();
  await until('there is room for another one', async () => {
    const { status } = await get(port, 'a.test');
    return { done: status === 200, value: status };
  });
});

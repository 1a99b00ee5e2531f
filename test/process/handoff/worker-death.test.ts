// A worker that dies takes along what it was serving, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSite, get, seenBy } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { limitDescriptors } from '../../kit/limit-descriptors.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const MORTAL = siteFile('mortal', import.meta.url);
/** Never given up, restarted at once. */
const RESTART = { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' };
/** Its dead worker is not restarted within this test. */
const NO_RESTART = { backoffMin: '600s', backoffMax: '600s' };

function site(options: Partial<SiteOptions> = {}): SiteOptions {
  return { siteId: 'a', restart: RESTART, ...options };
}

async function ready(vhostd: LoneMaster, count: number): Promise<number[]> {
  await vhostd.ready('a', count);
  return (await vhostd.workers('a')).map(({ pid }) => pid);
}

/** Opens connections that each send one request. */
async function ask(port: number, count: number): Promise<WireClient[]> {
  const clients: WireClient[] = [];
  for (let index = 0; index < count; index += 1) {
    const client = await WireClient.open(port);
    client.send(`GET /${index} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`);
    clients.push(client);
  }
  return clients;
}

for (const count of [5, 30]) {
  test(`${count} connections given to a stopped worker are served when it is killed`, async (t) => {
    const vhostd = await startVhostd(t, {
      // A client that belongs to one worker waits for that one.
      sites: [site({ cpuLen: 2, balance: 'ip-hash' })],
    });
    const pids = await ready(vhostd, 2);
    const port = await vhostd.port();
    const { pid: victim } = await askSite(port, 'a.test');
    process.kill(victim, 'SIGSTOP');
    const clients = await ask(port, count);
    await vhostd.until('every connection is with the worker', ({ counts, sites }) => {
      // What it last said may count the one before them.
      const held = sites[0]?.workers.find(({ pid }) => pid === victim)?.connections ?? 0;
      return counts.accepted === count + 1 && held >= count;
    });
    process.kill(victim, 'SIGKILL');
    const other = pids.find((pid) => pid !== victim);
    const answerers = new Set<number>();
    for (const client of clients) {
      answerers.add(seenBy(await client.answer()).pid);
      client.close();
    }
    assert.ok(!answerers.has(victim));
    assert.ok(other !== undefined && answerers.has(other));
    assert.equal((await vhostd.status()).counts.redispatched, count);
  });
}

test('what a worker does not begin with is served by another one meanwhile, once', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site({ cpuLen: 2, balance: 'round-robin' })] });
  const [stopped = 0, other = 0] = await ready(vhostd, 2);
  const port = await vhostd.port();
  process.kill(stopped, 'SIGSTOP');
  const clients = await ask(port, 20);
  for (const client of clients) assert.equal(seenBy(await client.answer()).pid, other);
  process.kill(stopped, 'SIGCONT');
  for (const client of clients) {
    assert.deepEqual(await client.rest(), Buffer.alloc(0));
    client.close();
  }
  const { sites, counts } = await vhostd.until('none is open', ({ sites: [a] }) => {
    return a?.workers.every(({ connections }) => connections === 0) === true;
  });
  t.diagnostic(`${counts.redispatched} of 20 were taken back`);
  assert.ok(counts.redispatched >= 1);
  assert.deepEqual([counts.refused, counts.violations], [{}, 0]);
  assert.deepEqual(
    sites[0]?.workers.map(({ restarts }) => restarts),
    [0, 0],
  );
  const answerers = new Set<number>();
  while (answerers.size < 2) answerers.add((await askSite(port, 'a.test')).pid);
  assert.ok(answerers.has(stopped));
});

test('connections of a site whose only worker dies wait for the next one', async (t) => {
  const restart = { ...RESTART, backoffMin: '700ms', backoffMax: '700ms' };
  const vhostd = await startVhostd(t, { sites: [site({ restart })] });
  const [victim = 0] = await ready(vhostd, 1);
  const port = await vhostd.port();
  process.kill(victim, 'SIGSTOP');
  const before = await ask(port, 15);
  await vhostd.until('the worker has them', ({ sites }) => sites[0]?.workers[0]?.connections === 15);
  process.kill(victim, 'SIGKILL');
  await vhostd.until('the worker is gone', ({ sites }) => sites[0]?.workers[0]?.pid !== victim);
  const after = await ask(port, 15);
  for (const client of [...before, ...after]) {
    assert.notEqual(seenBy(await client.answer()).pid, victim);
    client.close();
  }
  const { counts, sites } = await vhostd.status();
  assert.deepEqual(counts.refused, {});
  assert.equal(sites[0]?.parked, 0);
});

test('more connections than may wait are told to come back, those that wait too long as well', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [site({ restart: NO_RESTART, parkMaxCount: 5, parkTimeout: '1500ms' }), site({ siteId: 'b' })],
  });
  const [victim = 0] = await ready(vhostd, 1);
  const port = await vhostd.port();
  process.kill(victim, 'SIGKILL');
  await vhostd.until('the worker is gone', ({ sites }) => sites[0]?.workers[0]?.state === 'backoff');
  const waiting = await ask(port, 5);
  await vhostd.until('five wait', ({ sites }) => sites[0]?.parked === 5);
  const startedMs = performance.now();
  for (const surplus of await ask(port, 7)) {
    const { status, headers } = await surplus.answer();
    assert.equal(status, 503);
    assert.match(headers['retry-after'] ?? '', /^\d+$/);
    await surplus.rest();
    surplus.close();
  }
  assert.equal((await vhostd.site('a')).parked, 5);
  assert.equal((await askSite(port, 'b.test')).siteId, 'b');
  for (const client of waiting) {
    const { status, headers } = await client.answer();
    assert.equal(status, 503);
    assert.match(headers['retry-after'] ?? '', /^\d+$/);
    await client.rest();
    client.close();
  }
  t.diagnostic(`the last that waited was answered after ${Math.round(performance.now() - startedMs)} ms`);
  assert.deepEqual((await vhostd.status()).counts.refused, { 503: 12 });
  assert.equal((await vhostd.site('a')).parked, 0);
});

test('connections that a worker has no descriptor for go to another worker', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site({ cpuLen: 2 })] });
  const [poor = 0, rich = 0] = await ready(vhostd, 2);
  const port = await vhostd.port();
  await limitDescriptors(poor, 3);
  for (let round = 0; round < 5; round += 1) {
    const clients = await ask(port, 20);
    for (const client of clients) {
      assert.equal(seenBy(await client.answer()).pid, rich);
      client.close();
    }
  }
  const { counts } = await vhostd.status();
  t.diagnostic(`given again ${counts.redispatched} times`);
  assert.deepEqual(counts.refused, {});
  assert.ok(isAlive(poor));
  assert.equal(counts.violations, 0);
});

test('connections that no worker has a descriptor for are told to come back, until one has', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site({ parkTimeout: '1s' })] });
  const [pid = 0] = await ready(vhostd, 1);
  const port = await vhostd.port();
  await limitDescriptors(pid, 3);
  for (const client of await ask(port, 10)) {
    assert.equal((await client.answer()).status, 503);
    client.close();
  }
  const late = await ask(port, 10);
  await limitDescriptors(pid, 1024);
  for (const client of late) {
    assert.equal(seenBy(await client.answer()).pid, pid);
    client.close();
  }
  assert.equal((await askSite(port, 'a.test')).pid, pid);
});

test('a request that kills the worker which reads it kills one worker', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site({ cpuLen: 2, workerFile: MORTAL })] });
  const pids = await ready(vhostd, 2);
  const port = await vhostd.port();
  await assert.rejects(get(port, 'a.test', '/poison'), { code: 'closed' });
  const { sites, counts } = await vhostd.until(
    'its worker is gone',
    ({ sites: [first] }) => first?.workers.some((worker) => worker.restarts > 0) === true,
  );
  assert.equal(counts.redispatched, 0);
  assert.equal(sites[0]?.workers.filter(({ pid }) => pid !== undefined && pids.includes(pid)).length, 1);
  assert.equal((await get(port, 'a.test')).status, 200);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FakeProcess } from '../workers/fake-spawner.test.kit.js';
import { connection, hosts, SiteBench } from './site-bench.test.kit.js';
import type { Site } from './site.js';

async function untilSpares(bench: SiteBench, site: Site, count: number): Promise<void> {
  await bench.until(`${count} spares`, () => site.status().spares === count);
}

test('a site whose conf wants none has none, and its status does not speak of them', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  assert.equal('spares' in site.status(), false);
  assert.equal(bench.spawner.spares.length, 0);
});

test('a site has none while its first workers boot, and those that its conf wants when they are ready', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a', { cpuLen: 2, warm: 1 });
  void site.bringUp();
  await bench.until('it boots', () => bench.booting(site).length === 1);
  bench.booting(site)[0]?.ready();
  await bench.until('the second boots', () => bench.booting(site).length === 1);
  await new Promise(setImmediate);
  assert.equal(bench.spawner.spares.length, 0);
  await bench.comeUp(site);
  await untilSpares(bench, site, 1);
  assert.deepEqual([site.status().slots, site.status().workers.length], [2, 2], 'beside its workers');
});

test('a worker that takes the place of one that died is one of them, and another one follows', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { warm: 1, restart: { backoffMin: '1ms', backoffMax: '1ms' } });
  await untilSpares(bench, site, 1);
  bench.spawner.last.exit(1);
  await bench.until('it boots', () => bench.booting(site).length === 1);
  assert.deepEqual([bench.spawner.usedCount, site.status().spares], [1, 0]);
  await bench.comeUp(site);
  await untilSpares(bench, site, 1);
});

test('a site that sleeps has them, also before it was ever awake, and is woken by one', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a', { cpuLen: 0, warm: 1 });
  await site.bringUp();
  await untilSpares(bench, site, 1);
  site.ingress.serve(connection('a.test'));
  await bench.until('it boots', () => bench.booting(site).length === 1);
  assert.equal(bench.spawner.usedCount, 1);
});

test('a reload with the same conf takes one; with another one it takes none, and they are started anew', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { warm: 1, settleTime: 0 });
  await untilSpares(bench, site, 1);
  const reload = async (): Promise<void> => {
    const outcome = site.reload();
    await bench.until('the next boots', () => bench.booting(site).length === 1);
    bench.booting(site)[0]?.ready();
    assert.equal((await outcome).ok, true);
    await bench.comeUp(site);
  };
  await reload();
  assert.equal(bench.spawner.usedCount, 1);
  await untilSpares(bench, site, 1);
  const before = bench.spawner.spares.filter(({ ended }) => !ended).at(-1);
  site.want(bench.conf('a', { warm: 1, settleTime: 0, workerArgs: ['new'] }));
  await reload();
  assert.equal(bench.spawner.usedCount, 1, 'none was of use');
  await bench.until('the old one ends', () => before?.ended === true);
  await untilSpares(bench, site, 1);
});

test('a site that is stopped, and one that has given up, has none', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { warm: 2, restart: { intensity: 0 } });
  await untilSpares(bench, site, 1);
  await site.stop(false);
  assert.equal(site.status().spares, 0);
  assert.ok(bench.spawner.spares.every(({ ended }) => ended));
  const other = await bench.run('b', { warm: 1, restart: { intensity: 0 } });
  await untilSpares(bench, other, 1);
  for (const process of bench.spawner.living) process.exit(1);
  await bench.until('it gives up', () => other.status().state === 'errored');
  assert.equal(other.status().spares, 0);
});

/** A sleeping site whose spare boots, since a connection has come; its first failed start is its last. */
async function bootingSpare(bench: SiteBench): Promise<Site> {
  const site = bench.load('a', { cpuLen: 0, warm: 1, restart: { intensity: 0 } });
  await site.bringUp();
  await untilSpares(bench, site, 1);
  site.ingress.serve(connection('a.test'));
  await bench.until('it boots', () => bench.booting(site).length === 1);
  return site;
}

test('the death of one just as it was taken is no failed start: the next process serves who waits', async (t) => {
  const bench = new SiteBench(t);
  const site = await bootingSpare(bench);
  bench.spawner.last.exit(null, 'SIGKILL');
  await bench.until('the next boots', () => bench.booting(site).length === 1);
  assert.deepEqual([bench.spawner.processes.length, bench.rejected], [2, []]);
  const [next] = bench.booting(site);
  await bench.comeUp(site);
  assert.deepEqual(hosts(...(next === undefined ? [] : [next])), ['a.test']);
  assert.deepEqual([site.status().workers[0]?.restarts, bench.of('worker.exited').length], [0, 1]);
  // What was no spare, and what had told something, ends as ever.
  bench.spawner.last.exit(null, 'SIGKILL');
  assert.equal(site.status().state, 'errored');
});

for (const [how, end] of [
  ['ends by itself', (process: FakeProcess) => void process.exit(1)],
  ['has told what is wrong', (process: FakeProcess) => process.fail({ code: 'ERR_X', message: 'x' })],
] as const) {
  test(`the end of one that ${how} is a failed start`, async (t) => {
    const bench = new SiteBench(t);
    const site = await bootingSpare(bench);
    end(bench.spawner.last);
    await bench.until('it has given up', () => site.status().state === 'errored');
    assert.deepEqual([bench.spawner.processes.length, bench.rejected], [1, ['a.test']]);
  });
}

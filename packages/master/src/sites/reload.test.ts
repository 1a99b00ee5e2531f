import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextStep } from './reload.js';
import type { ReloadProgress } from './reload.js';
import { SiteBench } from './site-bench.test.kit.js';
import type { Site } from './site.js';

interface Notes {
  readonly slot: number;
  readonly ready: boolean;
}

/** A reload to two workers from two old ones, at its beginning, but for what is named. */
function at(progress: Partial<ReloadProgress<Notes>>): ReturnType<typeof nextStep<Notes>> {
  const old = [worker(0), worker(1)];
  const start = {
    count: 2,
    next: [],
    old,
    publishedCount: 0,
    settled: false,
    whole: false,
    committed: false,
    failed: false,
  };
  return nextStep({ ...start, ...progress });
}

function worker(slot: number, ready = true): Notes {
  return { slot, ready };
}

test('the first new worker must be ready, and for a while, before its conf is put into force', () => {
  assert.deepEqual(at({}), { do: 'boot', slot: 0 });
  assert.deepEqual(at({ next: [worker(0, false)] }), { do: 'wait' });
  assert.deepEqual(at({ next: [worker(0)] }), { do: 'settle' });
  assert.deepEqual(at({ next: [worker(0)], settled: true }), { do: 'commit' });
});

test('a new worker is published before the old one of its slot leaves; the last old one stays to the end', () => {
  const [first, second] = [worker(0), worker(1)];
  const under = { settled: true, committed: true };
  const [old0, old1] = [worker(0), worker(1)];
  const publish = at({ ...under, next: [first], old: [old0, old1] });
  assert.deepEqual(publish, { do: 'publish', worker: first, drain: old0 });
  assert.deepEqual(at({ ...under, next: [first], publishedCount: 1, old: [old1] }), { do: 'boot', slot: 1 });
  const last = at({ ...under, next: [first, second], publishedCount: 1, old: [old1] });
  assert.deepEqual(last, { do: 'publish', worker: second, drain: undefined });
  assert.deepEqual(at({ ...under, next: [first, second], publishedCount: 2, old: [old1] }), { do: 'finish' });
});

test('whatever has been done, a failure discards it', () => {
  assert.deepEqual(at({ failed: true }), { do: 'discard' });
  assert.deepEqual(at({ failed: true, next: [worker(0)], settled: true, committed: true }), {
    do: 'discard',
  });
});

test('a generation has one worker at least', () => {
  assert.deepEqual(at({ count: 0 }), { do: 'boot', slot: 0 });
});

/** A site of two workers whose reload boots its first new worker. */
async function reloading(
  bench: SiteBench,
  fields: Record<string, unknown> = {},
): Promise<{ site: Site; outcome: ReturnType<Site['reload']> }> {
  const site = await bench.run('a', { cpuLen: 2, ...fields });
  const outcome = site.reload();
  assert.deepEqual(bench.spawner.names, ['1.0', '1.1', '2.0']);
  return { site, outcome };
}

test('slot by slot, the new worker serves before the old one leaves, which moves its idle connections', async (t) => {
  const bench = new SiteBench(t);
  const { site, outcome } = await reloading(bench);
  assert.equal(site.status().state, 'reloading');
  bench.spawner.last.ready();
  await bench.until('the second boots', () => bench.spawner.names.includes('2.1'));
  assert.deepEqual(bench.spawner.names, ['1.1', '2.0', '2.1']);
  bench.spawner.last.ready();
  assert.deepEqual(await outcome, { siteId: 'a', generation: 2, ok: true });
  assert.deepEqual(bench.spawner.names, ['2.0', '2.1']);
  const [first] = bench.spawner.processes;
  assert.deepEqual(first?.asked, ['drain and hand back']);
  assert.deepEqual([site.status().state, site.generation], ['running', 2]);
});

test('a first worker that ends before it is ready, or right after it, changes nothing', async (t) => {
  const bench = new SiteBench(t);
  for (const ready of [false, true]) {
    const site = bench.sites.find('a') ?? (await bench.run('a', { cpuLen: 2, settleTime: '5s' }));
    const outcome = site.reload();
    if (ready) bench.spawner.last.ready();
    bench.spawner.last.fail({ code: 'E_DATABASE', message: 'no database' });
    const { generation, ok, error } = await outcome;
    assert.deepEqual([generation, ok, error?.code], [ready ? 3 : 2, false, 'E_DATABASE']);
    assert.deepEqual([site.generation, bench.spawner.names], [1, ['1.0', '1.1']]);
    assert.equal(site.status().reason, 'the last reload failed, generation 1 serves on: no database');
  }
});

test('a conf that cannot be had discards the generation, and the one in force stays', async (t) => {
  const bench = new SiteBench(t);
  await bench.run('b');
  const site = await bench.run('a');
  site.want(bench.conf('a', { listen: [{ type: 'tcp', host: 'b.test', port: 0, ipaddress: '127.0.0.1' }] }));
  const outcome = site.reload();
  bench.spawner.last.ready();
  assert.equal((await outcome).error?.code, 'ERR_ROUTE_CONFLICT');
  assert.deepEqual([site.status().hosts, bench.spawner.names], [['a.test'], ['1.0', '1.0']]);
});

test('a later worker that fails takes the new ones back, and the conf with them; the old ones are started again', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { cpuLen: 3 });
  site.want(bench.conf('a', { cpuLen: 3, parkMaxCount: 7 }));
  const outcome = site.reload();
  bench.spawner.last.ready();
  await bench.until('the second boots', () => bench.spawner.names.includes('2.1'));
  assert.equal(site.conf.parkMaxCount, 7);
  bench.spawner.last.exit(1);
  assert.equal((await outcome).ok, false);
  assert.notEqual(site.conf.parkMaxCount, 7);
  assert.deepEqual(bench.spawner.names, ['1.1', '1.2', '1.0']);
});

test('what a worker of the next generation asks for comes into force with it, and not before', async (t) => {
  const bench = new SiteBench(t);
  const { site, outcome } = await reloading(bench);
  const listen = [{ type: 'tcp', host: 'new.test', port: 0, ipaddress: '127.0.0.1' }];
  assert.deepEqual(await bench.spawner.last.ask('updateServerConf', { listen }), { listening: [] });
  assert.deepEqual(site.status().hosts, ['a.test']);
  bench.spawner.last.ready();
  await bench.until('the second boots', () => bench.spawner.names.includes('2.1'));
  assert.deepEqual(site.status().hosts, ['new.test']);
  bench.spawner.last.ready();
  assert.equal((await outcome).ok, true);
});

test('a reload that is asked for while one is at work follows it, once for all that ask', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const first = site.reload();
  const behind = [site.reload(), site.reload(), site.reload()];
  bench.spawner.last.ready();
  assert.equal((await first).generation, 2);
  await bench.until('another follows', () => bench.spawner.names.includes('3.0'));
  bench.spawner.last.ready();
  const outcomes = await Promise.all(behind);
  assert.deepEqual(
    outcomes.map(({ generation, ok }) => [generation, ok]),
    [
      [3, true],
      [3, true],
      [3, true],
    ],
  );
  assert.deepEqual(bench.spawner.names, ['3.0']);
});

test('a site that is stopped ends its reload as a failed one', async (t) => {
  const bench = new SiteBench(t);
  const { site, outcome } = await reloading(bench);
  const stopped = site.stop(false);
  assert.equal((await outcome).error?.code, 'ERR_RELOAD_CANCELLED');
  await stopped;
  assert.deepEqual([site.status().state, bench.spawner.names], ['stopped', []]);
});

test('a reload that no worker of the old generation survives leaves the site errored, and a good one heals it', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { restart: { intensity: 0, backoffMin: '1ms', backoffMax: '1ms' } });
  bench.spawner.last.exit(1);
  assert.equal(site.status().state, 'errored');
  const broken = site.reload();
  bench.spawner.last.exit(1);
  assert.equal((await broken).ok, false);
  assert.equal(site.status().state, 'errored');
  const good = site.reload();
  bench.spawner.last.ready();
  assert.equal((await good).ok, true);
  assert.deepEqual([site.status().state, site.status().reason], ['running', undefined]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SiteBench } from './site-bench.test.kit.js';

const BOOM = { code: 'E_BOOM', message: 'boom' };

test('sites start behind those that they depend on, and stop before them', async (t) => {
  const bench = new SiteBench(t);
  bench.load('a', { dependencies: ['b'] });
  bench.load('b');
  const started = bench.manager.startAll();
  await bench.until('b boots', () => bench.spawner.processes.length === 1);
  assert.deepEqual(bench.sites.get('a').status().waitsFor, ['b']);
  assert.equal(bench.sites.get('a').status().state, 'waiting');
  bench.spawner.last.ready();
  assert.deepEqual(
    bench.spawner.living.map(({ identity }) => identity.siteId),
    ['b', 'a'],
  );
  bench.spawner.last.ready();
  assert.deepEqual(await started, []);
  const [b, a] = bench.spawner.processes;
  assert.ok(a !== undefined && b !== undefined);
  a.busy = true;
  const stopped = bench.manager.stopAll(false);
  await bench.until('a stops', () => a.asked.includes('drain'));
  assert.equal(b.ended, false);
  a.exit(0);
  await stopped;
  assert.equal(b.ended, true);
});

test('a site that waits for one that has failed is told so, and starts when that comes up after all', async (t) => {
  const bench = new SiteBench(t);
  bench.load('c', { dependencies: ['a'] });
  bench.load('a', { dependencies: ['b'] });
  bench.load('b');
  const started = bench.manager.startAll();
  for (const count of [1, 2, 3]) {
    await bench.until('b boots', () => bench.spawner.processes.length === count);
    bench.spawner.last.fail(BOOM);
  }
  const failures = await started;
  assert.deepEqual(
    failures.map(({ siteId, error }) => [siteId, error.code]),
    [
      ['c', 'ERR_SITE_WAITS'],
      ['a', 'ERR_SITE_WAITS'],
      ['b', 'E_BOOM'],
    ],
  );
  assert.equal(
    bench.sites.get('c').status().reason,
    'it waits for site a, which has failed: it waits for site b, which has failed: boom',
  );
  for (const siteId of ['b', 'a', 'c']) {
    await bench.until(`${siteId} boots`, () => bench.booting(bench.sites.get(siteId)).length === 1);
    bench.spawner.last.ready();
  }
  assert.deepEqual(
    bench.of('sites.loaded').map((told) => told.failures.length),
    [3, 0],
  );
  assert.deepEqual(bench.manager.failures, []);
});

test('an update of a worker of a removed site does not touch a new site of the same id', async (t) => {
  const bench = new SiteBench(t);
  await bench.run('a');
  const old = bench.spawner.last;
  old.busy = true;
  const listen = [{ type: 'tcp', host: 'stolen.test', port: 0, ipaddress: '127.0.0.1' }];
  // One is under way when the site is removed, the other one comes while its worker drains.
  void bench.manager.takeUp([]);
  const before = assert.rejects(old.ask('updateServerConf', { listen }), { code: 'ERR_SITE_STOPPED' });
  const reload = bench.manager.takeUp([bench.conf('a')]);
  const fresh = bench.sites.get('a');
  await bench.comeUp(fresh);
  await Promise.all([before, reload]);
  await assert.rejects(old.ask('updateServerConf', { listen }), { code: 'ERR_SITE_STOPPED' });
  assert.equal(old.ended, false);
  assert.deepEqual([fresh.status().hosts, fresh.conf.listen.length], [['a.test'], 1]);
  assert.equal(bench.router.lookup('127.0.0.1|0|tcp', 'stolen.test'), undefined);
  assert.equal(bench.router.lookup('127.0.0.1|0|tcp', 'a.test'), fresh);
  old.exit(0);
  await bench.until('the old site has gone', () => bench.sites.all().length === 1);
  assert.deepEqual(bench.spawner.forgotten, []);
});

test('a conf that is taken up starts what is new, reloads what was there, and stops what is gone', async (t) => {
  const bench = new SiteBench(t);
  await bench.run('a');
  const gone = await bench.run('b');
  const outcome = bench.manager.takeUp([bench.conf('c'), bench.conf('a')]);
  await bench.until('both boot', () => bench.spawner.processes.length === 4);
  for (const process of bench.spawner.processes) process.ready();
  const { sites } = await outcome;
  assert.deepEqual(
    sites.map(({ siteId, generation, ok }) => [siteId, generation, ok]),
    [
      ['c', 1, true],
      ['a', 2, true],
    ],
  );
  assert.deepEqual([gone.status().state, bench.sites.find('b')], ['stopped', undefined]);
  await bench.until('nothing is kept for it', () => bench.spawner.forgotten.join() === 'b');
  assert.deepEqual(
    [bench.of('site.removed'), bench.of('site.reloaded')],
    [[{ siteId: 'b' }], [{ siteId: 'a', generation: 2 }]],
  );
  // The next master serves its sites where this one has.
  await bench.manager.stopAll(true);
  assert.deepEqual([bench.sites.all(), bench.spawner.forgotten], [[], ['b']]);
});

test('a restart of a site is reported', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const restart = bench.manager.restart(site);
  await bench.until('it boots', () => bench.spawner.names.includes('2.0'));
  bench.spawner.last.ready();
  assert.equal((await restart).ok, true);
  assert.deepEqual(bench.of('site.restarted'), [{ siteId: 'a', generation: 2 }]);
});

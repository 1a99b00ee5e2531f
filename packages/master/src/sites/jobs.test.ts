// Sites without a server: queue workers, which are kept alive, and jobs, which are done once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maintainSite, pauseOf } from './site-orders.js';
import { SiteBench } from './site-bench.test.kit.js';
import type { Site } from './site.js';

const WORKER = { server: false, listen: [], cpuLen: undefined };
const JOB = { ...WORKER, autorestart: false };

/** Brings a job up until its first worker boots. */
async function begin(bench: SiteBench, fields: Record<string, unknown> = {}): Promise<Site> {
  const site = bench.load('a', { ...JOB, ...fields });
  void site.bringUp();
  await bench.until('it boots', () => bench.spawner.processes.length === 1);
  return site;
}

test('a site without a server runs as one worker, unless its conf says how many, and has no hosts', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', WORKER);
  assert.deepEqual([bench.spawner.names, site.status().hosts], [['1.0'], []]);
  assert.deepEqual(site.readiness, { siteId: 'a', published: true });
  assert.deepEqual(bench.listeners.list(), []);
  await bench.run('b', { ...WORKER, cpuLen: 3 });
  assert.equal(bench.spawner.living.length, 4);
});

test('its worker is started again whatever it ended with', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', WORKER);
  for (const [count, code] of [0, 1].entries()) {
    bench.spawner.last.exit(code);
    await bench.until('another boots', () => bench.spawner.processes.length === count + 2);
    bench.spawner.last.ready();
  }
  assert.equal(site.status().state, 'running');
});

test('a reload starts the next worker before the old one is told to end', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', WORKER);
  const [old] = bench.spawner.processes;
  const reload = site.reload();
  assert.deepEqual([bench.spawner.names, old?.asked], [['1.0', '2.0'], []]);
  bench.spawner.last.ready();
  assert.deepEqual(await reload, { siteId: 'a', generation: 2, ok: true });
  assert.deepEqual(bench.spawner.names, ['2.0']);
});

test('what only a site with a server can have is refused', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', WORKER);
  const code = 'ERR_SITE_NO_SERVER';
  assert.throws(() => pauseOf(site, {}), { code });
  await assert.rejects(maintainSite(site, {}), { code });
  const listen = [{ type: 'tcp', host: 'a.test', port: 0 }];
  await assert.rejects(bench.spawner.last.ask('updateServerConf', { listen }), { code });
  await assert.rejects(bench.spawner.last.ask('updateServerConf', { defaultListen: true }), { code });
  await bench.spawner.last.ask('updateServerConf', { cpuLen: 2 });
  assert.deepEqual([bench.spawner.names, site.status().state], [['1.0', '1.1'], 'running']);
});

test('a site that loses its server loses its addresses with the reload', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  site.want(bench.conf('a', WORKER));
  const reload = site.reload();
  bench.spawner.last.ready();
  assert.equal((await reload).ok, true);
  assert.deepEqual([site.conf.listen, site.status().hosts], [[], []]);
});

test('a job that ends with exit code 0 is finished, ready or not, and not started again', async (t) => {
  const bench = new SiteBench(t);
  for (const ready of [true, false]) {
    const siteId = `job-${ready}`;
    const site = bench.load(siteId, JOB);
    const outcome = site.bringUp();
    await bench.until('it boots', () => bench.spawner.living.length === 1);
    if (ready) bench.spawner.last.ready();
    assert.equal(site.readiness.published, false, 'before it is done');
    bench.spawner.last.exit(0);
    assert.equal(await outcome, undefined);
    const { state, workers, reason } = site.status();
    assert.deepEqual(
      [state, workers.map((worker) => worker.state), reason],
      ['finished', ['exited'], undefined],
    );
    assert.equal(site.readiness.published, true);
  }
  const exits = bench.of('worker.exited').map(({ asked, expected }) => [asked, expected]);
  assert.deepEqual(exits, [
    [false, true],
    [false, true],
  ]);
  assert.equal(bench.spawner.processes.length, 2);
});

test('a job that ends with another code has failed, until a reload does it anew', async (t) => {
  const bench = new SiteBench(t);
  const site = await begin(bench);
  bench.spawner.last.ready();
  bench.spawner.last.exit(3);
  assert.deepEqual([site.status().state, bench.of('site.given-up').length], ['errored', 1]);
  assert.match(site.status().reason ?? '', /exited with code 3; vhostd reload a/);
  const reload = site.reload();
  await bench.until('it boots', () => bench.spawner.living.length === 1);
  bench.spawner.last.exit(0);
  assert.deepEqual(
    [await reload, site.status().state],
    [{ siteId: 'a', generation: 2, ok: true }, 'finished'],
  );
});

test('of several workers of a job each is started, and one that fails is what the job came to', async (t) => {
  const bench = new SiteBench(t);
  const site = await begin(bench, { cpuLen: 3 });
  bench.spawner.last.exit(0);
  assert.deepEqual([bench.spawner.names, site.status().state], [['1.1', '1.2'], 'booting']);
  const [second, third] = bench.spawner.living;
  second?.ready();
  assert.equal(site.status().state, 'running');
  second?.exit(1);
  third?.ready();
  third?.exit(0);
  assert.deepEqual([site.status().state, bench.of('site.given-up').length], ['errored', 1]);
});

test('a reload leaves a job that runs or is finished as it is; the next start has the new conf', async (t) => {
  const bench = new SiteBench(t);
  const site = await begin(bench);
  bench.spawner.last.ready();
  site.want(bench.conf('a', { ...JOB, workerArgs: ['new'] }));
  assert.deepEqual(await site.reload(), { siteId: 'a', generation: 1, ok: true });
  assert.deepEqual([bench.spawner.names, site.status().state], [['1.0'], 'running']);
  bench.spawner.last.exit(0);
  assert.equal((await site.reload()).ok, true);
  assert.deepEqual([bench.spawner.processes.length, site.status().state], [1, 'finished']);
  const restart = site.restart();
  await bench.until('it boots', () => bench.spawner.living.length === 1);
  assert.deepEqual(bench.spawner.last.order.conf.workerArgs, ['new']);
  bench.spawner.last.exit(0);
  assert.deepEqual(await restart, { siteId: 'a', generation: 2, ok: true });
});

test('a finished job that is to be kept alive from now on is started by its reload', async (t) => {
  const bench = new SiteBench(t);
  const site = await begin(bench);
  bench.spawner.last.exit(0);
  site.want(bench.conf('a', WORKER));
  const reload = site.reload();
  await bench.until('it boots', () => bench.spawner.living.length === 1);
  bench.spawner.last.ready();
  assert.deepEqual(
    [await reload, site.status().state],
    [{ siteId: 'a', generation: 2, ok: true }, 'running'],
  );
});

test('a job that is sent SIGTERM is asked to end, and nobody takes its place', async (t) => {
  const bench = new SiteBench(t);
  const site = await begin(bench);
  bench.spawner.last.ready();
  bench.spawner.last.emit('leaving', 'it was sent SIGTERM');
  assert.deepEqual([bench.spawner.last.asked, bench.spawner.processes.length], [['drain'], 1]);
  assert.equal(site.status().state, 'finished');
});

test('a site that depends on a job starts when that is finished, and waits in vain when it has failed', async (t) => {
  const bench = new SiteBench(t);
  const job = bench.load('job', JOB);
  const site = bench.load('a', { dependencies: ['job'] });
  void job.bringUp();
  void site.bringUp();
  await bench.until('the job boots', () => bench.spawner.processes.length === 1);
  bench.spawner.last.ready();
  await bench.until('the site waits for it', () => site.status().waitsFor?.join() === 'job');
  bench.spawner.last.exit(1);
  await bench.until('it is told', () => (site.status().reason ?? '').includes('job'));
  void job.restart();
  await bench.until('the job boots', () => bench.spawner.living.length === 1);
  bench.spawner.last.exit(0);
  await bench.comeUp(site);
});

test('a job that was done under another master is not done again, unless somebody asks for it', async (t) => {
  const bench = new SiteBench(t);
  const first = await begin(bench);
  bench.spawner.last.exit(0);
  const served = bench.of('site.served').at(-1);
  assert.equal(served?.finished, true);
  await first.stop(false);
  const later = new SiteBench(t);
  const site = later.load('a', JOB);
  site.restore(served);
  assert.equal(await site.bringUp(), undefined);
  assert.deepEqual([site.status().state, later.spawner.processes], ['finished', []]);
  const restart = site.restart();
  await later.until('it boots', () => later.spawner.living.length === 1);
  later.spawner.last.exit(0);
  assert.equal((await restart).ok, true);
});

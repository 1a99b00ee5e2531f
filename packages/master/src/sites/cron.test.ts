// Sites that have something to do at certain times. The clock is the test's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { SiteBench } from './site-bench.test.kit.js';
import type { Site } from './site.js';

const JOB = { server: false, listen: [], cpuLen: undefined, autorestart: false };
const NIGHTLY = { ...JOB, cron: { pattern: '0 3 * * *', timeZone: 'UTC' } };
const NOON = Date.parse('2026-03-01T12:00:00Z');
const HOUR_MS = 3_600_000;

/** A clock that stands still until {@link Clock.to} moves it; what is immediate goes on. */
class Clock {
  readonly #timers: TestContext['mock']['timers'];

  constructor(t: TestContext) {
    this.#timers = t.mock.timers;
    this.#timers.enable({ apis: ['Date', 'setTimeout'], now: NOON });
  }

  /** As of a machine that was off: no timer is heeded. */
  jump(hours: number): void {
    this.#timers.setTime(Date.now() + hours * HOUR_MS);
  }

  /** In steps that croner's own, of at most 30 s, fit into. */
  async forward(hours: number): Promise<void> {
    const until = Date.now() + hours * HOUR_MS;
    while (Date.now() < until) this.#timers.tick(Math.min(30_000, until - Date.now()));
    await settled();
  }
}

/** What follows of promises and immediates has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function idle(bench: SiteBench, fields: Record<string, unknown> = {}): Promise<Site> {
  const site = bench.load('a', { ...NIGHTLY, ...fields });
  assert.equal(await site.bringUp(), undefined);
  return site;
}

function skipped(bench: SiteBench): string[] {
  return bench.of('site.cron.skipped').map(({ reason }) => reason);
}

test('a job with a cron waits for its time, is run then, and waits for the next', async (t) => {
  const bench = new SiteBench(t);
  const clock = new Clock(t);
  const site = await idle(bench);
  const { state, workers, cron } = site.status();
  assert.deepEqual([state, workers, cron], ['idle', [], { next: '2026-03-02T03:00:00.000Z' }]);
  await clock.forward(14);
  assert.equal(bench.spawner.processes.length, 0, 'at two it is not time yet');
  await clock.forward(1);
  assert.equal(bench.spawner.processes.length, 1);
  bench.spawner.last.ready();
  assert.deepEqual([site.status().state, site.status().cron?.next], ['running', '2026-03-03T03:00:00.000Z']);
  bench.spawner.last.exit(0);
  assert.equal(site.status().state, 'finished');
  await clock.forward(24);
  assert.deepEqual([bench.spawner.processes.length, bench.spawner.names], [2, ['3.0']]);
  bench.spawner.last.exit(0);
  await settled();
  assert.deepEqual(bench.of('site.cron'), [
    { siteId: 'a', does: 'run' },
    { siteId: 'a', does: 'run' },
  ]);
});

test('a time at which no master ran is left out: the next master waits for the time after it', async (t) => {
  const clock = new Clock(t);
  const before = new SiteBench(t);
  assert.equal((await idle(before)).status().cron?.next, '2026-03-02T03:00:00.000Z');
  const served = before.of('site.served').at(-1);
  assert.ok(served);
  // The master has gone by three; the next one starts at five.
  clock.jump(17);
  const after = new SiteBench(t);
  const job = after.load('a', NIGHTLY);
  job.restore(served);
  assert.equal(await job.bringUp(), undefined);
  const service = after.load('b', { ...NIGHTLY, autorestart: true });
  const up = service.bringUp();
  await settled();
  after.spawner.last.ready();
  assert.equal(await up, undefined);
  assert.deepEqual(job.status().cron, { next: '2026-03-03T03:00:00.000Z' });
  assert.deepEqual(service.status().cron, { next: '2026-03-03T03:00:00.000Z' });
  assert.deepEqual([after.of('site.cron'), skipped(after)], [[], []]);
  assert.equal(after.spawner.processes.length, 1, 'that of the service');
});

test('a run that is still at work is not begun a second time, and the status says so until the next one', async (t) => {
  const bench = new SiteBench(t);
  const clock = new Clock(t);
  const site = await idle(bench);
  await clock.forward(15);
  bench.spawner.last.ready();
  await clock.forward(24);
  assert.deepEqual(skipped(bench), ['the last run is still at work']);
  assert.deepEqual(site.status().cron?.skipped, {
    time: '2026-03-03T03:00:00.000Z',
    reason: 'the last run is still at work',
  });
  assert.equal(bench.spawner.processes.length, 1);
  bench.spawner.last.exit(0);
  await clock.forward(24);
  assert.deepEqual([bench.spawner.processes.length, site.status().cron?.skipped], [2, undefined]);
  bench.spawner.last.exit(0);
});

test('a run that failed is what the site says until the next one, and no reload runs it anew', async (t) => {
  const bench = new SiteBench(t);
  const clock = new Clock(t);
  const site = await idle(bench);
  await clock.forward(15);
  bench.spawner.last.ready();
  bench.spawner.last.exit(2);
  assert.match(site.status().reason ?? '', /exited with code 2; vhostd restart a runs it anew$/);
  assert.deepEqual(await site.reload(), { siteId: 'a', generation: 2, ok: true });
  assert.deepEqual([site.status().state, bench.spawner.processes.length], ['errored', 1]);
  await clock.forward(24);
  assert.deepEqual([site.status().state, site.status().reason], ['booting', undefined]);
  bench.spawner.last.exit(0);
  await settled();
  assert.equal(site.status().state, 'finished');
});

test('a restart runs it now, once however often it is asked for, and a reload only takes up the conf', async (t) => {
  const bench = new SiteBench(t);
  const site = await idle(bench);
  site.want(bench.conf('a', { ...NIGHTLY, workerArgs: ['new'], cron: '@yearly' }));
  assert.equal((await site.reload()).ok, true);
  assert.deepEqual([site.status().state, bench.spawner.processes.length], ['idle', 0]);
  assert.match(site.status().cron?.next ?? '', /-12-31T|-01-01T/);
  const restarts = [site.restart(), site.restart()];
  await bench.until('it boots', () => bench.spawner.living.length === 1);
  assert.deepEqual(bench.spawner.last.order.conf.workerArgs, ['new']);
  bench.spawner.last.exit(0);
  assert.deepEqual(
    (await Promise.all(restarts)).map(({ ok }) => ok),
    [true, true],
  );
  assert.equal(bench.spawner.processes.length, 1);
});

test('a job that loses its cron before it was ever run is run by the reload', async (t) => {
  const bench = new SiteBench(t);
  const site = await idle(bench);
  site.want(bench.conf('a', JOB));
  const reload = site.reload();
  await bench.until('it boots', () => bench.spawner.living.length === 1);
  bench.spawner.last.exit(0);
  assert.deepEqual([(await reload).ok, site.status().cron], [true, undefined]);
});

test('what depends on such a job does not wait for it, be it at work or failed', async (t) => {
  const bench = new SiteBench(t);
  const clock = new Clock(t);
  const site = await idle(bench);
  await clock.forward(15);
  assert.equal(site.readiness.published, true);
  bench.spawner.last.exit(1);
  assert.equal(site.readiness.published, true);
});

test('a site that serves is reloaded at its time: the new worker before the old one', async (t) => {
  const bench = new SiteBench(t);
  // Of its worker nobody asks anything while the clock is turned.
  const unhurried = { heartbeatInterval: '20d', heartbeatLimit: '24d', bootTimeout: '24d' };
  const cron = { pattern: '30 4 * * MON', timeZone: 'Europe/Berlin' };
  const site = await bench.run('a', { cron, ...unhurried });
  await site.stop(false);
  assert.equal(site.status().cron, undefined, 'it keeps no time while it is stopped');
  const clock = new Clock(t);
  const started = site.bringUp();
  await settled();
  bench.spawner.last.ready();
  assert.equal(await started, undefined);
  // The first of March 2026 is a Sunday.
  assert.equal(site.status().cron?.next, '2026-03-02T03:30:00.000Z');
  const [, old] = bench.spawner.processes;
  await clock.forward(16);
  assert.deepEqual([bench.spawner.names, old?.asked], [['2.0', '3.0'], []]);
  assert.deepEqual(bench.of('site.cron'), [{ siteId: 'a', does: 'reload' }]);
  // It does not get ready for a week: that is not begun once more.
  await clock.forward(7 * 24);
  assert.deepEqual(skipped(bench), ['it is reloading']);
  assert.equal(bench.spawner.processes.length, 3);
});

test('a master that leaves keeps no times any more', async (t) => {
  const bench = new SiteBench(t);
  const clock = new Clock(t);
  await idle(bench);
  bench.manager.close();
  await clock.forward(48);
  assert.deepEqual([bench.spawner.processes.length, bench.of('site.cron')], [0, []]);
});

test('a site that waits for another one has nothing to do at its time', async (t) => {
  const bench = new SiteBench(t);
  const clock = new Clock(t);
  const site = bench.load('a', { ...NIGHTLY, dependencies: ['b'] });
  void site.bringUp();
  await settled();
  await clock.forward(15);
  assert.deepEqual([skipped(bench), bench.spawner.processes.length], [['it waits for b'], 0]);
});

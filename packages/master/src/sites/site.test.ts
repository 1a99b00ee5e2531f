import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connection, hosts, SiteBench } from './site-bench.test.kit.js';

const BOOM = { code: 'E_BOOM', message: 'boom' };

/** Restart policies: one that gives up at the first end, and one that goes on. */
const NONE = { restart: { intensity: 0, backoffMin: '1ms', backoffMax: '1ms' } };

test('one worker boots first, and the others when it is ready; it is up once each of them is', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a', { cpuLen: 3 });
  assert.equal(site.status().state, 'waiting');
  let up = false;
  const outcome = site.bringUp().then((error) => {
    up = true;
    return error;
  });
  await bench.until('it boots', () => site.status().state === 'booting');
  assert.deepEqual(bench.spawner.names, ['1.0']);
  bench.spawner.last.ready();
  assert.deepEqual([bench.spawner.names, site.status().state], [['1.0', '1.1', '1.2'], 'running']);
  assert.deepEqual([up, site.readiness], [false, { siteId: 'a', published: true }]);
  await bench.comeUp(site);
  assert.equal(await outcome, undefined);
});

test('connections wait while it boots, and go to workers in the order in which they came', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a');
  void site.bringUp();
  site.ingress.serve(connection('1'));
  await bench.until('it boots', () => bench.spawner.processes.length === 1);
  site.ingress.serve(connection('2'));
  assert.equal(site.status().parked, 2);
  bench.spawner.last.ready();
  assert.deepEqual([hosts(bench.spawner.last), site.status().parked], [['1', '2'], 0]);
});

test('a boot that fails is tried again by the restart policy; at the third time it is told', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a');
  const outcome = site.bringUp();
  for (const count of [1, 2, 3]) {
    await bench.until('it boots', () => bench.spawner.processes.length === count);
    assert.equal(site.status().state, 'booting');
    bench.spawner.last.fail(BOOM);
  }
  assert.deepEqual(await outcome, BOOM);
  assert.equal(site.readiness.failure?.code, 'E_BOOM');
  await bench.until('it boots', () => bench.spawner.processes.length === 4);
  bench.spawner.last.ready();
  assert.deepEqual([site.status().state, site.status().reason], ['running', undefined]);
});

test('a site of which all workers are given up is errored: what waits is rejected, and what comes', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a', NONE);
  const outcome = site.bringUp();
  await bench.until('it boots', () => bench.spawner.processes.length === 1);
  site.ingress.serve(connection('1'));
  bench.spawner.last.fail(BOOM);
  site.ingress.serve(connection('2'));
  assert.deepEqual([await outcome, bench.rejected], [BOOM, ['1', '2']]);
  assert.equal(site.status().reason, 'boom; vhostd reload a starts it anew');
  assert.deepEqual(bench.of('site.given-up'), [{ siteId: 'a', error: BOOM }]);
});

test('a site whose workers have all ended is booting until one is ready again', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  bench.spawner.last.exit(null, 'SIGKILL');
  assert.deepEqual([site.status().state, site.readiness.published], ['booting', false]);
  site.ingress.serve(connection('1'));
  await bench.until('another boots', () => bench.spawner.processes.length === 2);
  bench.spawner.last.ready();
  assert.deepEqual([site.status().state, hosts(bench.spawner.last)], ['running', ['1']]);
  assert.match(site.status().workers[0]?.reason ?? '', /^replaced a\/1: was ended by SIGKILL$/);
});

test('a conf that cannot be had blocks a site, until it can', async (t) => {
  const bench = new SiteBench(t);
  const first = await bench.run('a');
  const same = { listen: [{ type: 'tcp', host: 'a.test', port: 0, ipaddress: '127.0.0.1' }] };
  const second = bench.load('b', same);
  assert.equal((await second.bringUp())?.code, 'ERR_ROUTE_CONFLICT');
  assert.deepEqual([second.status().state, second.blocked], ['errored', true]);
  second.ingress.serve(connection('1'));
  assert.deepEqual(bench.rejected, ['1']);
  await bench.router.remove(first, { others: true });
  const outcome = second.bringUp();
  await bench.comeUp(second);
  assert.deepEqual([await outcome, second.blocked], [undefined, false]);
});

test('a site that may not be run fails before anything is started for it, until a conf says otherwise', async (t) => {
  const bench = new SiteBench(t);
  bench.spawner.refused.add('a');
  const site = bench.load('a');
  assert.equal((await site.bringUp())?.code, 'ERR_SITE_UNTRUSTED');
  assert.equal(site.status().state, 'errored');
  assert.match(site.status().reason ?? '', /not trusted/);
  assert.deepEqual([bench.spawner.processes, bench.listeners.list()], [[], []]);
  bench.spawner.refused.delete('a');
  const outcome = site.reload();
  await bench.comeUp(site);
  assert.equal((await outcome).ok, true);
});

test('what served under another master is gone on with, unless something has been started by then', async (t) => {
  const bench = new SiteBench(t);
  const [early, late] = [bench.load('early'), bench.load('late')];
  early.restore({ conf: bench.conf('early'), generation: 7 });
  const outcome = late.bringUp();
  await bench.until('it boots', () => bench.spawner.processes.length === 1);
  // It must not take the place of a generation whose worker boots: nobody would start another one.
  late.restore({ conf: bench.conf('late'), generation: 7 });
  await bench.comeUp(late);
  assert.equal(await outcome, undefined);
  await Promise.all([early.bringUp(), bench.comeUp(early)]);
  assert.deepEqual([early.generation, late.generation], [7, 1]);
});

test('a site that has never been started is brought up by a reload', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a');
  const outcomes = [site.reload(), site.reload()];
  await bench.comeUp(site);
  assert.deepEqual(
    (await Promise.all(outcomes)).map(({ ok, generation }) => [ok, generation]),
    [
      [true, 1],
      [true, 1],
    ],
  );
  assert.equal(bench.spawner.processes.length, 1);
});

test('a reload that is asked for during the first boot follows it', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a');
  const boot = site.bringUp();
  await bench.until('it boots', () => bench.spawner.processes.length === 1);
  const reload = site.reload();
  bench.spawner.last.ready();
  assert.equal(await boot, undefined);
  await bench.until('the next generation boots', () => bench.spawner.names.includes('2.0'));
  bench.spawner.last.ready();
  assert.deepEqual(await reload, { siteId: 'a', generation: 2, ok: true });
});

test('a restart lets all workers leave before the first new one is started; connections wait meanwhile', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { cpuLen: 2 });
  const [first, second] = bench.spawner.processes;
  assert.ok(first !== undefined && second !== undefined);
  second.busy = true;
  const outcome = site.restart();
  await bench.until('the first leaves', () => first.ended);
  site.ingress.serve(connection('1'));
  assert.deepEqual([bench.spawner.names, site.status().parked, first.asked], [['1.1'], 1, ['drain']]);
  second.exit(0);
  await bench.until('a new one boots', () => bench.spawner.names.includes('2.0'));
  assert.deepEqual(bench.spawner.names, ['2.0']);
  bench.spawner.last.ready();
  assert.deepEqual(hosts(...bench.spawner.processes), ['1']);
  await bench.comeUp(site);
  assert.deepEqual(await outcome, { siteId: 'a', generation: 2, ok: true });
});

test('a restart whose conf cannot be had changes nothing', async (t) => {
  const bench = new SiteBench(t);
  await bench.run('b');
  const site = await bench.run('a');
  site.want(bench.conf('a', { listen: [{ type: 'tcp', host: 'b.test', port: 0, ipaddress: '127.0.0.1' }] }));
  assert.equal((await site.restart()).error?.code, 'ERR_ROUTE_CONFLICT');
  assert.deepEqual([site.status().state, bench.spawner.names], ['running', ['1.0', '1.0']]);
});

test('a restart starts anew what has been given up, and follows what is at work', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', NONE);
  bench.spawner.last.exit(1);
  const restart = site.restart();
  const behind = site.reload();
  await bench.until('it boots', () => bench.spawner.names.includes('2.0'));
  bench.spawner.last.ready();
  assert.equal((await restart).ok, true);
  await bench.until('the reload follows', () => bench.spawner.names.includes('3.0'));
  bench.spawner.last.ready();
  assert.equal((await behind).generation, 3);
});

test('a restart ends a boot that does not get on', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a');
  const boot = site.bringUp();
  await bench.until('it boots', () => bench.spawner.processes.length === 1);
  const restart = site.restart();
  await bench.until('another boots', () => bench.spawner.names.includes('2.0'));
  bench.spawner.last.ready();
  assert.deepEqual([await boot, (await restart).ok, bench.spawner.names], [undefined, true, ['2.0']]);
});

test('a site that stops rejects what waits, drains its workers, and may be started again', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  bench.spawner.last.busy = true;
  const stopped = site.stop(false);
  site.ingress.serve(connection('1'));
  assert.deepEqual([site.status().state, bench.rejected], ['stopping', ['1 site-stopped']]);
  assert.equal((await site.bringUp())?.code, 'ERR_SITE_STOPPED');
  assert.equal((await site.reload()).error?.code, 'ERR_SITE_STOPPED');
  bench.spawner.last.exit(0);
  await stopped;
  assert.equal(site.status().state, 'stopped');
  const outcome = site.bringUp();
  await bench.comeUp(site);
  assert.deepEqual([await outcome, site.generation], [undefined, 2]);
});

test('a site for which the conf wants no workers is started by its first connection, once', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a', { cpuLen: 0 });
  assert.equal(await site.bringUp(), undefined);
  assert.deepEqual([site.readiness.published, bench.spawner.processes.length], [true, 0]);
  for (const host of ['1', '2', '3']) site.ingress.serve(connection(host));
  assert.deepEqual([bench.spawner.names, site.status().parked], [['1.0'], 3]);
  bench.spawner.last.ready();
  assert.deepEqual(hosts(bench.spawner.last), ['1', '2', '3']);
  assert.deepEqual([bench.of('site.woken').length, bench.of('site.idle').length], [1, 0]);
});

test('those that wait for a boot that was caused by a connection are rejected at each failed start', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a', { cpuLen: 0 });
  await site.bringUp();
  site.ingress.serve(connection('1'));
  bench.spawner.last.fail(BOOM);
  assert.deepEqual([bench.rejected, site.status().reason], [['1'], 'boom']);
  site.ingress.serve(connection('2'));
  await bench.until('it is tried again', () => bench.spawner.processes.length === 2);
  bench.spawner.last.ready();
  assert.deepEqual(hosts(bench.spawner.last), ['2']);
});

test('a site is stopped when nobody has been connected for its limit, and started by the next connection', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { idleStop: '20ms', cpuLen: 2 });
  const [first] = bench.spawner.processes;
  assert.ok(first !== undefined);
  await bench.until('it is idle', () => bench.of('site.idle').length === 1);
  assert.deepEqual([bench.spawner.names, first.asked, site.readiness.published], [[], ['drain'], true]);
  site.ingress.serve(connection('1'));
  assert.deepEqual(bench.spawner.names, ['1.0']);
  bench.spawner.last.connectionCount = 1;
  bench.spawner.last.ready();
  await bench.comeUp(site);
});

test('a site is frozen when its workers have had nothing to do for its limit, and thawed by the next connection', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { idleFreeze: '20ms', cpuLen: 2 });
  const [first, second] = bench.spawner.processes;
  assert.ok(first !== undefined && second !== undefined);
  first.beforeStill = async () => site.ingress.serve({ ...connection('idle', 'handed-back'), head: '' });
  await bench.until('it is frozen', () => site.status().state === 'frozen');
  assert.deepEqual([first.halted, second.halted, site.readiness.published], [true, true, true]);
  assert.deepEqual([bench.kept.length, hosts(first, second)], [1, []]);
  // What comes between two requests is for no worker yet.
  site.ingress.serve({ ...connection('idle too', 'handed-back'), head: '' });
  assert.deepEqual([bench.kept.length, site.status().state], [2, 'frozen']);
  // Of a site that is not trusted the master reads from none: its worker may have a copy, and make it block.
  site.ingress.serve({ ...connection('fenced', 'handed-back', true), head: '' });
  assert.deepEqual([bench.kept.length, site.status().state], [2, 'running']);
  assert.deepEqual(hosts(first, second), ['fenced']);
  await bench.until('it is frozen again', () => site.status().state === 'frozen');
  first.connectionCount = 1;
  site.ingress.serve(connection('1'));
  assert.deepEqual([first.halted, second.halted, site.status().state], [false, false, 'running']);
  assert.deepEqual(hosts(first, second).toSorted(), ['1', 'fenced']);
  const twice = ['stand still', 'go on', 'stand still', 'go on'];
  assert.deepEqual([first.asked, second.asked], [twice, twice]);
  assert.equal(bench.of('site.thawed').length, 2);
});

test('a frozen site is thawed for what is asked of it, and its workers leave as others do', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { idleFreeze: '5ms' });
  const isFrozen = (): boolean => site.status().state === 'frozen';
  const orders: (() => Promise<unknown>)[] = [
    async () => site.thaw(),
    () => site.tellHosts([]),
    () => site.ingress.maintain({ page: { html: '', retryAfterSeconds: 1 }, message: undefined }),
    () => site.ingress.maintain(undefined),
    async () => site.ingress.pause(1000),
    async () => site.ingress.resume(),
    () => site.scale(2),
    () => site.scale(1),
  ];
  for (const order of orders) {
    const holds = site.ingress.answering || site.status().paused === true;
    if (!holds) await bench.until('it is frozen', isFrozen);
    const before = bench.of('site.thawed').length;
    const done = order();
    await bench.until('it is thawed', () => holds || bench.of('site.thawed').length > before);
    for (const worker of bench.booting(site)) worker.ready();
    await done;
  }
  await bench.until('it is frozen', isFrozen);
  const old = bench.spawner.living;
  const reloading = site.reload();
  await bench.comeUp(site);
  assert.deepEqual([(await reloading).ok, old.map(({ ended, halted }) => ended && !halted)], [true, [true]]);
  await bench.until('it is frozen', isFrozen);
  bench.spawner.last.exit(1);
  await bench.comeUp(site);
  await bench.until('it is frozen', isFrozen);
  await site.stop(false);
  assert.deepEqual(bench.spawner.names, []);
});

test('an idle site takes a new conf at a reload and starts nothing, unless that wants workers', async (t) => {
  const bench = new SiteBench(t);
  const site = bench.load('a', { cpuLen: 0 });
  await site.bringUp();
  site.want(bench.conf('a', { cpuLen: 0, parkMaxCount: 7 }));
  assert.deepEqual(await site.reload(), { siteId: 'a', generation: 2, ok: true });
  assert.deepEqual([site.conf.parkMaxCount, bench.spawner.processes.length], [7, 0]);
  site.want(bench.conf('a', { cpuLen: 1 }));
  const outcome = site.reload();
  await bench.until('it boots', () => bench.spawner.names.includes('3.0'));
  bench.spawner.last.ready();
  assert.deepEqual(await outcome, { siteId: 'a', generation: 3, ok: true });
});

test('a pause holds new connections through a reload, and its end gives them to workers', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  site.ingress.pause(60_000);
  site.ingress.serve(connection('1'));
  site.ingress.serve(connection('kept', 'handed-back'));
  const reload = site.reload();
  assert.deepEqual([hosts(...bench.spawner.processes), site.status().paused], [['kept'], true]);
  bench.spawner.last.ready();
  await reload;
  assert.deepEqual(site.ingress.resume(), { wasPaused: true, heldCount: 1 });
  assert.deepEqual(hosts(bench.spawner.last), ['1']);
});

test('a maintenance is told to workers, also to those that come later; without one the master answers', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const page = { html: '', retryAfterSeconds: 1 };
  assert.equal(await site.ingress.maintain({ page, message: 'soon' }), 0);
  assert.deepEqual(
    [bench.spawner.last.asked, site.status().maintenance],
    [['maintenance'], { message: 'soon' }],
  );
  bench.spawner.last.exit(1);
  site.ingress.serve(connection('1'));
  assert.deepEqual(bench.rejected, ['1']);
  await bench.until('another boots', () => bench.spawner.processes.length === 2);
  bench.spawner.last.ready();
  assert.deepEqual(bench.spawner.last.asked, ['maintenance']);
});

test('a worker that is sent SIGTERM is replaced: the new one serves before the old one leaves', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const old = bench.spawner.last;
  old.emit('leaving', 'it was sent SIGTERM');
  assert.deepEqual([bench.spawner.names, site.status().state], [['1.0', '1.0'], 'running']);
  bench.spawner.last.ready();
  await bench.until('the old one leaves', () => old.ended);
  assert.deepEqual([old.asked, site.status().workers.length], [['drain and hand back'], 1]);
  assert.deepEqual(
    bench.of('worker.replaced').map(({ workerId, by, reason }) => [workerId, by, reason]),
    [['a/1', 'a/2', 'it was sent SIGTERM']],
  );
  assert.match(site.status().workers[0]?.reason ?? '', /^replaced a\/1: it was sent SIGTERM$/);
});

test('a reload takes the place of a replacement under way', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { settleTime: '1ms' });
  bench.spawner.last.emit('leaving', 'it was sent SIGTERM');
  const replacement = bench.spawner.last;
  const reload = site.reload();
  assert.deepEqual([replacement.ended, bench.spawner.names], [true, ['1.0', '2.0']]);
  bench.spawner.last.ready();
  assert.equal((await reload).ok, true);
  assert.deepEqual(bench.spawner.names, ['2.0']);
});

test('the number of workers follows the conf, up and down', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { cpuLen: 2 });
  const [first, second] = bench.spawner.processes;
  await first?.ask('updateServerConf', { cpuLen: 3 });
  assert.deepEqual(bench.spawner.names, ['1.0', '1.1', '1.2']);
  bench.spawner.last.ready();
  await first?.ask('updateServerConf', { cpuLen: 1 });
  assert.deepEqual([bench.spawner.names, second?.asked], [['1.0'], ['drain and hand back']]);
  assert.equal(site.status().state, 'running');
});

test('it is published when a worker is ready, again when what it serves changes, and withdrawn with its last worker', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const addresses = ['tcp 127.0.0.1 0'];
  const first = { siteId: 'a', generation: 1, hosts: ['a.test'], addresses };
  assert.deepEqual(bench.of('site.published'), [first]);
  const listen = [{ type: 'tcp', host: 'b.test', port: 0, ipaddress: '127.0.0.1' }];
  await bench.spawner.last.ask('updateServerConf', { listen });
  assert.deepEqual(bench.of('site.published').slice(1), [{ ...first, hosts: ['b.test'] }]);
  await site.stop(false);
  assert.deepEqual(bench.of('site.withdrawn'), [{ siteId: 'a' }]);
});

test('a worker that never gets ready is given up after as many restarts, however long each try takes', async (t) => {
  const bench = new SiteBench(t);
  // Each try takes longer than the period.
  const restart = { intensity: 2, period: '1ms', backoffMin: '5ms', backoffMax: '5ms' };
  const site = bench.load('a', { restart });
  const outcome = site.bringUp();
  for (let tries = 1; tries <= 3; tries += 1) {
    await bench.until(`try ${tries}`, () => bench.spawner.living.length === 1);
    bench.spawner.last.exit(1);
  }
  assert.equal(site.status().state, 'errored');
  assert.equal((await outcome)?.code, 'ERR_WORKER_EXITED');
  assert.match(site.status().reason ?? '', /gave up after 2 restarts without getting ready/);
  assert.equal(bench.spawner.processes.length, 3);
});

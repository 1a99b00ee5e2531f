import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import type { SiteConf } from '../conf/site-conf.js';
import { MasterEvents } from '../events.js';
import { SiteGroups } from './site-groups.js';

/** Files in place of the kernel's: what is written can be read, and nothing is held. */
class Bench {
  readonly base: string;
  readonly told: string[] = [];
  readonly events = new MasterEvents();

  constructor(t: TestContext, controllers: string) {
    this.base = mkdtempSync(path.join(tmpdir(), 'vhostd-test-'));
    t.after(() => rmSync(this.base, { recursive: true, force: true }));
    writeFileSync(path.join(this.base, 'cgroup.controllers'), `${controllers}\n`);
    writeFileSync(path.join(this.base, 'cgroup.subtree_control'), '');
    this.events.on('site.limits-unheld', ({ siteId, reason }) => void this.told.push(`${siteId}: ${reason}`));
  }

  groups(): SiteGroups {
    return new SiteGroups(this.base, this.events);
  }

  read(file: string): string {
    return readFileSync(path.join(this.base, file), 'utf8');
  }

  /** The kernel's files of a group. */
  fill(group: string, files: Record<string, string>): void {
    mkdirSync(path.join(this.base, group), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(this.base, group, name), text);
  }
}

/** Of a site's limits. */
const FILES = ['memory.max', 'memory.high', 'cpu.max', 'cpu.weight', 'pids.max'];

function site(limits?: object): SiteConf {
  return parseSite({ siteId: 'a', path: '/', ...(limits === undefined ? {} : { limits }) }, { baseDir: '/' });
}

test('the limits of a site stand in the files of its group, those that it does not have any more, too', (t) => {
  const bench = new Bench(t, 'cpu memory pids');
  const groups = bench.groups();
  const directory = groups.enter(site({ memory: '100mb', cpu: 0.5, cpuWeight: 300, pids: 64 }));
  assert.equal(directory, path.join(bench.base, 'site-a'));
  const held = (): string[] => FILES.map((file) => bench.read(`site-a/${file}`));
  assert.deepEqual(held(), ['104857600', '94371840', '50000 100000', '300', '64']);
  groups.enter(site({ memoryHigh: '80mb' }));
  assert.deepEqual(held(), ['max', '83886080', 'max 100000', '100', 'max']);
  groups.enter(site());
  assert.deepEqual(held(), ['max', 'max', 'max 100000', '100', 'max']);
  assert.deepEqual(bench.told, []);
  assert.match(bench.read('cgroup.subtree_control'), /^\+\w+$/u);
});

test('a site without limits has its part of the CPUs, and vhostd ten times as much', (t) => {
  const bench = new Bench(t, 'cpu');
  bench.fill('vhostd', { 'cpu.weight': '' });
  assert.equal(bench.groups().enter(site()), path.join(bench.base, 'site-a'));
  assert.deepEqual([bench.read('site-a/cpu.weight'), bench.read('vhostd/cpu.weight')], ['100', '1000']);
  // Where there can be no group it is served as well, and no bound of its conf is broken.
  for (const base of [undefined, path.join(bench.base, 'none')])
    assert.equal(new SiteGroups(base, bench.events).enter(site()), undefined);
  assert.deepEqual(bench.told, []);
});

test('what the kernel cannot hold is told once, and the site has a group all the same', (t) => {
  const bench = new Bench(t, 'cpu');
  const groups = bench.groups();
  for (let turn = 0; turn < 3; turn += 1) groups.enter(site({ memory: '100mb', cpu: 1 }));
  const reason = 'the kernel has no such controller here: memory';
  assert.deepEqual(bench.told, [`a: ${reason}`]);
  assert.equal(groups.statusOf('a').limitsUnheld, reason);
  assert.deepEqual(
    [existsSync(path.join(bench.base, 'site-a/memory.max')), bench.read('site-a/cpu.max')],
    [false, '100000 100000'],
  );
  groups.enter(site({ cpu: 1 }));
  assert.equal(groups.statusOf('a').limitsUnheld, undefined);
});

test('without a group of its own vhostd serves, and says once that limits do not hold', (t) => {
  const bench = new Bench(t, 'cpu memory pids');
  const groups = new SiteGroups(undefined, bench.events);
  for (let turn = 0; turn < 3; turn += 1) assert.equal(groups.enter(site({ pids: 64 })), undefined);
  assert.match(bench.told.join(), /^a: vhostd has no control group of its own[^,]*$/u);
  const broken = new SiteGroups(path.join(bench.base, 'none'), bench.events);
  assert.equal(broken.enter(site({ pids: 64 })), undefined);
  assert.match(broken.statusOf('a').limitsUnheld ?? '', /ENOENT/u);
});

test('what a site takes is what the kernel counts of its group', (t) => {
  const bench = new Bench(t, 'cpu memory pids');
  const groups = bench.groups();
  groups.enter(site({}));
  assert.deepEqual(groups.statusOf('a'), {});
  bench.fill('site-a', {
    'cpu.stat': 'usage_usec 1234567\nuser_usec 1\nnr_throttled 3\nthrottled_usec 45000\n',
    'memory.current': '7340032\n',
    'memory.events': 'low 0\nhigh 9\nmax 2\noom 1\noom_kill 2\noom_group_kill 0\n',
  });
  bench.fill('site-a/70', { 'cgroup.procs': '70\n71\n' });
  bench.fill('site-a/80', { 'cgroup.procs': '80\n' });
  assert.deepEqual(groups.statusOf('a'), {
    usage: { cpuMs: 1235, throttledMs: 45, processes: 3, memoryBytes: 7_340_032, oomKills: 2 },
  });
});

test("a worker's group says whether the kernel has killed for memory, is killed whole, and removed with the site's", (t) => {
  const bench = new Bench(t, 'cpu memory pids');
  const groups = bench.groups();
  const directory = groups.enter(site({}));
  const group = groups.of(directory, 70, {});
  assert.ok(group !== undefined);
  assert.deepEqual([group.oomKillCount, group.populated], [0, false]);
  bench.fill('site-a/70', {
    'memory.events': 'oom 1\noom_kill 1\n',
    'cgroup.events': 'populated 1\nfrozen 0\n',
    'cgroup.kill': '',
  });
  assert.deepEqual([group.oomKillCount, group.populated], [1, true]);
  group.kill();
  assert.equal(bench.read('site-a/70/cgroup.kill'), '1');
  assert.equal(groups.of(undefined, 70, {}), undefined);
  // The kernel's files do not keep a group from being removed.
  for (const file of ['memory.events', 'cgroup.events', 'cgroup.kill'])
    rmSync(path.join(bench.base, 'site-a/70', file));
  for (const file of FILES) rmSync(path.join(bench.base, 'site-a', file));
  group.remove();
  assert.equal(existsSync(path.join(bench.base, 'site-a')), false);
});

test('what a worker of a site without limits has left is left alone, and its group removed when that has gone', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const bench = new Bench(t, 'cpu');
  const groups = bench.groups();
  const group = groups.of(groups.enter(site()), 70, undefined);
  const left = { 'cgroup.events': 'populated 1\n', 'cgroup.procs': '71\n', 'cgroup.kill': '' };
  bench.fill('site-a/70-loose', left);
  assert.deepEqual([group?.populated, groups.statusOf('a').usage], [false, undefined]);
  group?.kill();
  group?.remove();
  t.mock.timers.tick(4000);
  assert.equal(bench.read('site-a/70-loose/cgroup.kill'), '');
  for (const file of Object.keys(left)) rmSync(path.join(bench.base, 'site-a/70-loose', file));
  t.mock.timers.tick(2000);
  assert.equal(existsSync(path.join(bench.base, 'site-a/70-loose')), false);
});

test('of another master a living worker is left alone, what a dead one has left is killed, what is empty removed', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const bench = new Bench(t, 'cpu memory pids');
  const populated = { 'cgroup.events': 'populated 1\n', 'cgroup.kill': '' };
  bench.fill('site-a/70', { ...populated, 'cgroup.procs': '70\n71\n' });
  bench.fill('site-b/80', { ...populated, 'cgroup.procs': '81\n' });
  bench.fill('site-c/90', {});
  bench.groups();
  const killed = (): string[] =>
    ['site-a/70', 'site-b/80'].map((group) => bench.read(`${group}/cgroup.kill`));
  assert.deepEqual([killed(), existsSync(path.join(bench.base, 'site-c'))], [['', ''], false]);
  t.mock.timers.tick(2000);
  assert.deepEqual(killed(), ['', '1']);
  bench.fill('site-a/70', { 'cgroup.procs': '71\n' });
  t.mock.timers.tick(4000);
  assert.deepEqual(killed(), ['1', '1']);
});

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import type { SiteConf } from '../conf/site-conf.js';
import { MasterEvents } from '../events.js';
import { AddedSites } from './added-sites.js';
import { DesiredSites } from './desired-sites.js';
import { SiteAdditions } from './site-additions.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-added-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const conf = parseSite({ path: '/srv/conf', listen: [{ host: 'conf.test', port: 80 }] }, { baseDir: '/' });
const written = (siteId: string, host: string): { site: Record<string, unknown>; baseDir: string } => ({
  site: { siteId, path: siteId, listen: [{ host, port: 80 }] },
  baseDir: '/srv',
});

void describe('SiteAdditions', () => {
  void it('puts what was added behind the conf, for the next master as well', () => {
    const { additions } = bench([conf]);
    for (const name of ['b', 'a']) {
      assert.equal(additions.check(written(name, `${name}.test`)).conf?.path, `/srv/${name}`);
      assert.equal(additions.add(name, written(name, `${name}.test`)), true);
    }
    assert.deepEqual(ids(additions.complete([conf])), ['conf', 'b', 'a']);
    const next = bench([conf]);
    assert.deepEqual(ids(next.additions.missing()), ['b', 'a']);
    assert.deepEqual(next.additions.remove('b'), { lasts: true, listed: true });
    assert.deepEqual(ids(bench([conf]).additions.complete([conf])), ['conf', 'a']);
  });

  void it('leaves out what the conf has, and keeps it', () => {
    const { additions, leftOut } = bench([]);
    additions.add('a', written('a', 'a.test'));
    additions.add('b', written('b', 'b.test'));
    const taken = parseSite({ ...written('x', 'a.test').site, path: '/srv/x' }, { baseDir: '/' });
    const named = parseSite({ path: '/srv/b' }, { baseDir: '/' });
    assert.deepEqual(ids(additions.complete([taken, named])), ['x', 'b']);
    assert.deepEqual(leftOut, [
      ['a', "host a.test of *:80 is site x's already"],
      ['b', 'the conf has a site of this name'],
    ]);
    assert.deepEqual(additions.remove('b'), { lasts: true, listed: false });
    assert.deepEqual(ids(additions.complete([])), ['a']);
  });

  void it('knows what served under another master, with the number of workers that was ordered', () => {
    const first = bench([conf]);
    first.additions.add('a', written('a', 'a.test'));
    new DesiredSites(directory).scale('a', 3);
    const served = JSON.parse(JSON.stringify(bench([conf]).additions.missing())) as SiteConf[];
    assert.equal(served[0]?.cpuLen, 3);
    const { additions, leftOut } = bench([conf, ...served]);
    assert.deepEqual([additions.missing(), leftOut], [[], []]);
    assert.equal(additions.remove('a').listed, true);
  });

  void it('refuses a name or a host that there is, and tells the same again from another', () => {
    const { additions, sites } = bench([conf]);
    assert.throws(() => additions.check(written('conf', 'x.test')), { code: 'ERR_SITE_EXISTS' });
    assert.throws(() => additions.check(written('a', 'conf.test')), { code: 'ERR_CONF_DUPLICATE_HOST' });
    assert.throws(() => additions.remove('conf'), { code: 'ERR_SITE_IN_CONF' });
    assert.throws(() => additions.remove('a'), { code: 'ERR_SITE_UNKNOWN' });
    const a = written('a', 'a.test');
    sites.push(additions.check(a).conf ?? assert.fail());
    additions.add('a', a);
    assert.deepEqual(additions.check(structuredClone(a)), { siteId: 'a', conf: undefined });
    assert.throws(() => additions.check(written('a', 'other.test')), { code: 'ERR_SITE_EXISTS' });
  });

  void it('changes fields of what was added, for a conf that the others allow', () => {
    const { additions, sites } = bench([conf]);
    const a = { ...written('a', 'a.test'), site: { path: 'a', listen: [{ host: 'a.test', port: 81 }] } };
    sites.push(additions.check(a).conf ?? assert.fail());
    additions.add('a', a);
    const change = additions.change('a', { site: { cpuLen: 3 }, where: { hosts: ['x.test', 'y.test'] } });
    assert.equal(change.changed, true);
    assert.deepEqual(
      [change.conf.cpuLen, change.conf.path, change.conf.listen.map(({ host, port }) => [host, port])],
      [
        3,
        '/srv/a',
        [
          ['x.test', 81],
          ['y.test', 81],
        ],
      ],
    );
    additions.add('a', change.added);
    assert.equal(additions.change('a', { site: { cpuLen: 3 } }).changed, false);
    assert.equal(additions.check({ ...change.added, baseDir: '/srv' }).conf, undefined);
    assert.throws(() => additions.change('a', { where: { hosts: ['conf.test'], port: 80 } }), {
      code: 'ERR_CONF_DUPLICATE_HOST',
      message: "site a is not changed: host conf.test of *:80 is site conf's already",
    });
    assert.throws(() => additions.change('conf', {}), {
      code: 'ERR_SITE_IN_CONF',
      message: /change it there/,
    });
    assert.throws(() => additions.change('b', {}), { code: 'ERR_SITE_UNKNOWN' });
    assert.throws(() => additions.change('a', { site: { cpuLen: -1 } }), { code: 'ERR_CONF_INVALID' });
  });

  void it('knows what served under another master behind changes that have not come up', () => {
    const first = bench([conf]);
    const a = written('a', 'a.test');
    const served = first.additions.check(a).conf ?? assert.fail();
    first.sites.push(served);
    first.additions.add('a', a);
    for (const cpuLen of [3, 4])
      first.additions.add('a', first.additions.change('a', { site: { cpuLen } }).added);
    const next = bench([conf, served]);
    assert.deepEqual(next.additions.missing(), []);
    assert.equal(next.additions.change('a', {}).conf.cpuLen, 4);
    assert.equal(next.additions.has('a'), true);
    first.additions.settle('a');
    const last = bench([conf, served]);
    assert.deepEqual([last.additions.missing(), last.additions.has('a')], [[], false]);
  });

  void it('what it cannot read is told and put aside, not overwritten', () => {
    const file = path.join(directory, 'added-sites.json');
    writeFileSync(file, '{"version":7}');
    const added = new AddedSites(directory);
    assert.match(added.trouble ?? '', /added-sites\.json: /);
    assert.equal(added.add('a', written('a', 'a.test')), true);
    assert.equal(readFileSync(`${file}.unreadable`, 'utf8'), '{"version":7}');
    assert.equal(new AddedSites().add('a', written('a', 'a.test')), false);
  });
});

function ids(confs: readonly SiteConf[]): string[] {
  return confs.map(({ siteId }) => siteId);
}

function bench(confs: readonly SiteConf[]): {
  additions: SiteAdditions;
  sites: SiteConf[];
  leftOut: [string, string][];
} {
  const sites = [...confs];
  const events = new MasterEvents();
  const leftOut: [string, string][] = [];
  events.on('site.left-out', ({ siteId, message }) => void leftOut.push([siteId, message]));
  const present = { list: () => sites.map((wanted) => ({ wanted })) };
  const desired = new DesiredSites(directory);
  return {
    additions: new SiteAdditions(new AddedSites(directory), desired, present, events),
    sites,
    leftOut,
  };
}

// Sites in control groups of the kernel: counted, and ended whole. Limits of memory, CPU and processes need controllers of
// cgroup v2 that not every machine has; site-groups.test.ts holds what is written for them.
import assert from 'node:assert/strict';
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { SiteDetail } from '@vhostd/protocol';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { isAlive } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { HOST, writeApp } from '../apps/app.js';

/** Answers the pid of a child in a session of its own, which heeds SIGKILL alone. */
const APP = `const { pid } = require('node:child_process').spawn('sh',
  ['-c', 'trap "" TERM HUP; while :; do sleep 1; done'], { stdio: 'ignore', detached: true });
require('node:http').createServer((q, r) => r.end(String(pid))).listen(1);`;

/** Where version 2 is mounted, and may be written to; undefined: nowhere. */
function mountOf(): string | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const mount = mounts.find((fields) => fields[fields.indexOf('-') + 1] === 'cgroup2')?.[4];
  try {
    if (mount === undefined || !existsSync(join(mount, 'cgroup.subtree_control'))) return undefined;
    accessSync(mount, constants.W_OK);
    return mount;
  } catch {
    return undefined;
  }
}

const mount = mountOf();
const skip = mount === undefined ? 'needs cgroup2, and rights to make groups' : false;

/** A directory for groups; it must be empty when what is begun after this has ended. */
function makeBase(t: TestContext): string {
  const base = mkdtempSync(join(mount ?? '', 'vhostd-test-'));
  atEnd(t, async () => {
    await until('no group is left', () => ({ done: groupsIn(base).length === 0, value: groupsIn(base) }));
    rmdirSync(base);
  });
  return base;
}

async function detailOf(vhostd: FullVhostd): Promise<SiteDetail> {
  return JSON.parse((await vhostd.run('status', 'a', '--json')).stdout) as SiteDetail;
}

function groupsIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

async function start(
  t: TestContext,
  more: object = { limits: {} },
): Promise<{ vhostd: FullVhostd; base: string; child: number }> {
  const base = makeBase(t);
  const sites = [{ siteId: 'a', workerFile: writeApp(t, APP), cpuLen: 1, ...more }];
  const vhostd = await startVhostd(t, { daemon: true, sites, env: { VHOSTD_CGROUP: base } });
  const child = Number((await get(await vhostd.port(), HOST)).body.toString());
  assert.equal(isAlive(child), true);
  return { vhostd, base, child };
}

async function gone(pid: number): Promise<void> {
  await until('the child has ended', () => ({ done: !isAlive(pid), value: pid }));
}

void describe('a site with a control group', { skip, concurrency: 2 }, () => {
  void it('is counted with all that it has started, each worker in a group of its own', async (t) => {
    const { vhostd, base } = await start(t);
    const [worker] = (await vhostd.status()).sites[0]?.workers ?? [];
    assert.deepEqual(groupsIn(join(base, 'site-a')), [String(worker?.pid)]);
    const { usage } = await detailOf(vhostd);
    assert.ok(usage !== undefined && usage.cpuMs > 0 && usage.processes >= 3, JSON.stringify(usage));
    assert.match((await vhostd.run('status', 'a')).stdout, /^usage +\d+ processes,.* CPU time /mu);
  });

  void it('leaves nothing behind in a reload, in whatever session', async (t) => {
    const { vhostd, base, child } = await start(t);
    await vhostd.reload('a');
    await gone(child);
    await until('one group is left', () => {
      const value = groupsIn(join(base, 'site-a'));
      return { done: value.length === 1, value };
    });
  });

  void it('leaves nothing behind when its master is killed, and the next master counts it', async (t) => {
    const { vhostd, child } = await start(t);
    const { master } = await vhostd.status();
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await gone(child);
    await vhostd.until(
      'it serves again',
      (now) => now.master?.pid !== master?.pid && now.sites[0]?.state === 'running',
    );
    assert.ok((await detailOf(vhostd)).usage !== undefined);
  });

  void it('leaves nothing behind when it is upgraded', async (t) => {
    const { vhostd, child } = await start(t);
    await vhostd.client.upgrade();
    await gone(child);
  });

  void it(
    'has a user of its own, and what its environment is to have, all the same',
    { skip: otherUserSkip },
    async (t) => {
      const base = makeBase(t);
      const { theirs } = placesOf(t);
      const workerFile = siteFile('account', new URL('worker-user.test.js', import.meta.url).href);
      const site = { siteId: 'a', workerFile, path: theirs, user: OTHER_USER, limits: {} };
      const env = { 'a.b': '1', PWD: '/of the site' };
      const vhostd = await startVhostd(t, {
        env: { VHOSTD_CGROUP: base },
        sites: [{ ...site, workerOptions: { env } }],
      });
      const account = JSON.parse((await get(await vhostd.port(), HOST)).body.toString()) as {
        uid: string[];
        env: Record<string, string>;
      };
      assert.equal(account.uid[0], String(OTHER_USER));
      assert.deepEqual([account.env['a.b'], account.env['PWD']], ['1', '/of the site']);
      for (const name of ['SHLVL', 'OLDPWD', '_', 'VHOSTD_CGROUP'])
        assert.equal(account.env[name], undefined, name);
    },
  );
});

void describe('a site without limits', () => {
  void it(
    'is counted, and what it has started in a session of its own outlives its worker',
    { skip },
    async (t) => {
      const { vhostd, base, child } = await start(t, {});
      const [worker] = (await vhostd.status()).sites[0]?.workers ?? [];
      const own = `${worker?.pid}-loose`;
      assert.deepEqual(groupsIn(join(base, 'site-a')), [own]);
      assert.ok(((await detailOf(vhostd)).usage?.processes ?? 0) >= 3);
      await vhostd.reload('a');
      await vhostd.drained();
      assert.equal(isAlive(child), true);
      assert.ok(groupsIn(join(base, 'site-a')).includes(own));
      // With the program that it has just started.
      process.kill(-child, 'SIGKILL');
      await until('its group is removed', () => {
        const value = groupsIn(join(base, 'site-a'));
        return { done: !value.includes(own), value };
      });
      process.kill(-Number((await get(await vhostd.port(), HOST)).body.toString()), 'SIGKILL');
    },
  );

  void it('is served outside of a control group where there can be none', { skip }, async (t) => {
    // In the place of its group is what takes no directories.
    const base = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    atEnd(t, () => rmSync(base, { recursive: true, force: true }));
    writeFileSync(join(base, 'cgroup.controllers'), '');
    symlinkSync('/proc/self', join(base, 'site-a'));
    const sites = [{ siteId: 'a', workerFile: writeApp(t, APP) }];
    const vhostd = await startVhostd(t, { sites, env: { VHOSTD_CGROUP: base } });
    assert.equal((await get(await vhostd.port(), HOST)).status, 200);
  });
});

void describe('a site whose limits nobody holds', () => {
  void it('is served, and its status says so', async (t) => {
    const sites = [
      {
        siteId: 'a',
        workerFile: writeApp(t, APP.replace('detached: true', 'detached: false')),
        limits: { memory: '1gb' },
      },
    ];
    const vhostd = await startVhostd(t, { daemon: true, sites, env: { VHOSTD_CGROUP: '/nowhere' } });
    assert.match((await detailOf(vhostd)).limitsUnheld ?? '', /no control group of its own/u);
    assert.equal(vhostd.output.match(/limits-unheld/gu)?.length, 1);
    assert.match(vhostd.output, /cgroup\.failed/u);
  });
});

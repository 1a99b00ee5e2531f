// Whom a site's workers run as, and what they are given: nothing that is not theirs.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { isAlive } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';

interface Account {
  uid: string[];
  gid: string[];
  groups: string;
  capabilities: boolean[];
  bounds: boolean;
  noNewPrivileges: string;
  cwd: string;
  limits: string;
  oomScoreAdjust: string;
  niceness: string;
  env: Record<string, string>;
  descriptors: Record<string, string>;
}

const workerFile = siteFile('account', import.meta.url);
const skip = otherUserSkip;

function site(siteId: string, options: Partial<SiteOptions> = {}): SiteOptions {
  const restart = { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' };
  return { siteId, workerFile, restart, ...options };
}

async function accountOf(vhostd: LoneMaster, siteId: string): Promise<Account> {
  const { body } = await get(await vhostd.port(), `${siteId}.test`);
  return JSON.parse(body.toString()) as Account;
}

test(
  'a site with a user has nothing of the master: no group, no right, no variable, no home',
  { skip },
  async (t) => {
    const { theirs } = placesOf(t);
    const vhostd = await startVhostd(t, {
      env: { SECRET: 'of the daemon', HOME: '/root', LC_TEST: 'C' },
      sites: [
        site('named', { path: theirs, user: OTHER_USER, workerOptions: { env: { OWN: '1' } } }),
        site('unnamed'),
        site('lenient', {
          path: theirs,
          user: OTHER_USER,
          group: 1,
          workerOptions: { noNewPrivileges: false },
        }),
      ],
    });
    const named = await accountOf(vhostd, 'named');
    const id = String(OTHER_USER);
    assert.deepEqual(named.uid, [id, id, id, id]);
    assert.deepEqual(named.gid, [id, id, id, id]);
    assert.equal(named.groups, '');
    assert.deepEqual(named.capabilities, [true, true, true, true]);
    assert.deepEqual([named.bounds, named.noNewPrivileges, named.cwd], [true, '1', theirs]);
    const { SECRET, HOME, USER, LC_TEST, OWN, PWD } = named.env;
    assert.deepEqual(
      { SECRET, HOME, USER, LC_TEST, OWN, PWD },
      {
        SECRET: undefined,
        HOME: '/',
        USER: undefined,
        LC_TEST: 'C',
        OWN: '1',
        PWD: theirs,
      },
    );

    const unnamed = await accountOf(vhostd, 'unnamed');
    assert.deepEqual([unnamed.uid[0], unnamed.env['SECRET']], ['0', 'of the daemon']);

    const lenient = await accountOf(vhostd, 'lenient');
    assert.deepEqual(
      [lenient.uid[0], lenient.gid[1], lenient.noNewPrivileges, lenient.bounds],
      [id, '1', '0', false],
    );
  },
);

test('a user with an account has its home, its names and its group', { skip }, async (t) => {
  const { ours } = placesOf(t);
  const vhostd = await startVhostd(t, { sites: [site('a', { path: ours, user: 'nobody' })] });
  const { uid, gid, env } = await accountOf(vhostd, 'a');
  assert.notEqual(uid[0], '0');
  assert.notEqual(gid[0], '0');
  assert.deepEqual([env['USER'], env['LOGNAME']], ['nobody', 'nobody']);
  assert.notEqual(env['HOME'], process.env['HOME']);
});

test('limits of a worker are those of the conf', { skip }, async (t) => {
  const { theirs } = placesOf(t);
  const workerOptions = { nofile: 321, nproc: 4321, core: 0, nice: 3, oomScoreAdjust: 400 };
  const vhostd = await startVhostd(t, {
    sites: [site('a', { path: theirs, user: OTHER_USER, workerOptions }), site('b')],
  });
  const [a, b] = [await accountOf(vhostd, 'a'), await accountOf(vhostd, 'b')];
  assert.match(a.limits, /^Max open files +321 +321 /m);
  assert.match(a.limits, /^Max processes +4321 +4321 /m);
  assert.match(a.limits, /^Max core file size +0 +0 /m);
  assert.equal(Number(a.niceness), Number(b.niceness) + 3);
  assert.equal(a.oomScoreAdjust, '400');
  assert.doesNotMatch(b.limits, /^Max open files +321/m);
});

test('a working directory that the user may not enter is entered by nobody', { skip }, async (t) => {
  const { ours, theirs } = placesOf(t);
  mkdirSync(join(ours, 'locked'), { mode: 0o700 });
  symlinkSync(join(ours, 'locked'), join(theirs, 'cwd'));
  const vhostd = await startVhostd(t, {
    sites: [site('a', { path: theirs, user: OTHER_USER, workerOptions: { cwd: 'cwd' } }), site('b')],
    wait: false,
  });
  await vhostd.until('the site says why it does not start', ({ sites: [a] }) =>
    /cannot change directory to .*Permission denied/.test(a?.reason ?? ''),
  );
  assert.equal((await accountOf(vhostd, 'b')).uid[0], '0');
});

test('a site that names no user is not started as the one that another site names', { skip }, async (t) => {
  const { theirs } = placesOf(t);
  const vhostd = await startVhostd(t, {
    sites: [site('named', { path: theirs, user: OTHER_USER }), site('unnamed')],
  });
  for (const siteId of ['named', 'unnamed', 'named']) {
    const [before] = await vhostd.workers(siteId);
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await vhostd.until('it is restarted', ({ sites }) => {
      const worker = sites.find((other) => other.siteId === siteId)?.workers[0];
      return worker?.state === 'ready' && worker.pid !== before?.pid;
    });
    assert.equal((await accountOf(vhostd, siteId)).uid[0], siteId === 'named' ? String(OTHER_USER) : '0');
  }
});

test('a reload gives a site its user, and its workers end with it', { skip }, async (t) => {
  const { theirs } = placesOf(t);
  const vhostd = await startVhostd(t, { sites: [site('a', { path: theirs })] });
  const [before] = await vhostd.workers('a');
  vhostd.configure([site('a', { path: theirs, user: OTHER_USER })]);
  await vhostd.reloaded('a');
  await vhostd.drained();
  assert.equal((await accountOf(vhostd, 'a')).uid[0], String(OTHER_USER));
  assert.ok(!isAlive(before?.pid ?? 0));
});

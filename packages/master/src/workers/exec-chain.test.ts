import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import type { SiteConf } from '../conf/site-conf.js';
import { checkPrograms, prepare } from './exec-chain.js';
import type { Machine, Program } from './exec-chain.js';

const NO_ACCOUNT = 2_000_111_222;

function machine(uid = 0, missing?: Program): Machine {
  return { uid, gid: uid, find: (program) => (program === missing ? undefined : `/bin/${program}`) };
}

function site(fields: object): SiteConf {
  return parseSite({ siteId: 'shop', path: '/srv/shop', ...fields }, { baseDir: '/' });
}

const VARIABLES = { PATH: '/site/bin', LD_PRELOAD: '/site/evil.so', TOKEN: 'secret', GONE: undefined };

test('a site that asks for nothing is started as it is', () => {
  assert.deepEqual(prepare(site({}), { cwd: '/srv/shop' }, VARIABLES, machine()), {
    through: [],
    variables: VARIABLES,
    cwd: '/srv/shop',
  });
  assert.equal(checkPrograms(site({}), machine(1000, 'env')), undefined);
});

test('a user is changed to before the directory is entered and before what the variables load is loaded', () => {
  const { through, variables, cwd } = prepare(
    site({ user: NO_ACCOUNT }),
    { cwd: '/srv/shop' },
    VARIABLES,
    machine(),
  );
  assert.deepEqual(through, [
    '/bin/setpriv',
    `--reuid=${NO_ACCOUNT}`,
    `--regid=${NO_ACCOUNT}`,
    '--clear-groups',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--bounding-set=-all',
    '--no-new-privs',
    '/bin/env',
    '-C',
    '/srv/shop',
    'LD_PRELOAD=/site/evil.so',
  ]);
  assert.deepEqual(variables, { PATH: '/site/bin', LD_PRELOAD: undefined, TOKEN: 'secret', GONE: undefined });
  assert.equal(cwd, '/');
});

test('limits are set while the process is still root; a user with an account has its groups', () => {
  const workerOptions = {
    nofile: 64,
    nproc: 9,
    core: 0,
    nice: -5,
    oomScoreAdjust: 300,
    noNewPrivileges: false,
  };
  const conf = { ...site({ workerOptions }), runAs: { uid: 7, gid: 8, name: 'seven', home: '/' } };
  const { through } = prepare(conf, { cwd: '/srv/shop' }, {}, machine());
  assert.deepEqual(
    through.join(' '),
    '/bin/prlimit --nofile=64:64 --nproc=9:9 --core=0:0 /bin/nice -n -5 /bin/choom -n 300 -- ' +
      '/bin/setpriv --reuid=7 --regid=8 --init-groups --inh-caps=-all --ambient-caps=-all /bin/env -C /srv/shop',
  );
});

test('limits alone need no other user', () => {
  const conf = site({ workerOptions: { nofile: 64 } });
  assert.deepEqual(prepare(conf, { cwd: '/srv/shop' }, {}, machine(1000)), {
    through: ['/bin/prlimit', '--nofile=64:64', '/bin/env'],
    variables: {},
    cwd: '/srv/shop',
  });
  assert.equal(checkPrograms(conf, machine(1000)), undefined);
});

test('a program that is missing is named, with what needs it', () => {
  for (const [fields, program, what] of [
    [{ user: NO_ACCOUNT }, 'setpriv', /a user of its own needs the program setpriv of util-linux/],
    [{ user: NO_ACCOUNT }, 'env', /needs the program env of coreutils/],
    [{ workerOptions: { core: 0 } }, 'prlimit', /core in workerOptions needs the program prlimit/],
    [{ workerOptions: { oomScoreAdjust: 1 } }, 'choom', /workerOptions.oomScoreAdjust needs/],
    [{ workerOptions: { nice: 1 } }, 'nice', /workerOptions.nice needs the program nice of coreutils/],
  ] as const) {
    const error = checkPrograms(site(fields), machine(0, program));
    assert.equal(error?.code, 'ERR_SITE_PROGRAM');
    assert.match(error.message, what);
    assert.equal(checkPrograms(site(fields), machine(0)), undefined);
  }
});

test('only root changes the user', () => {
  assert.equal(checkPrograms(site({ user: NO_ACCOUNT }), machine(1000))?.code, 'ERR_SITE_RIGHTS');
  assert.equal(checkPrograms(site({ user: NO_ACCOUNT, group: NO_ACCOUNT }), machine(NO_ACCOUNT)), undefined);
});

test('a control group is entered first, and what a shell changes or drops is put right behind it', () => {
  const group = { cwd: '/srv/shop', siteGroup: '/sys/fs/cgroup/site-shop' };
  const named = { PATH: '/bin', PWD: '/here', 'npm.token': 'x', ENV: '/site/evil.sh' };
  const { through, variables } = prepare(site({ workerOptions: { nofile: 64 } }), group, named, machine());
  assert.deepEqual(
    [through.slice(0, 2), ...through.slice(3)],
    [
      ['/bin/sh', '-c'],
      'vhostd-join',
      '/bin/mkdir',
      '/sys/fs/cgroup/site-shop',
      // A site without limits is served outside of it, too, and what it starts is left alone.
      '-loose',
      ':',
      '/bin/prlimit',
      '--nofile=64:64',
      '/bin/env',
      '-u',
      'OLDPWD',
      '-u',
      'SHLVL',
      '-u',
      '_',
      'PWD=/here',
      'npm.token=x',
      'ENV=/site/evil.sh',
    ],
  );
  assert.deepEqual(variables, { PATH: '/bin', PWD: undefined, 'npm.token': undefined, ENV: undefined });
  assert.deepEqual(prepare(site({ limits: {} }), group, {}, machine()).through.slice(6, 8), ['', 'exit 126']);
  assert.match(checkPrograms(site({}), machine(0, 'mkdir'), group.siteGroup)?.message ?? '', /limits needs/);
});

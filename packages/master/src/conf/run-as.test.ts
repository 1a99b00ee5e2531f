import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accounts } from '../node/accounts.js';
import { parseMasterConf } from './parse-conf.js';
import { pathsOf, refusal } from './refusal.test.fixture.js';
import { accountProblems, runAsOf } from './run-as.js';

const accounts = new Accounts({
  read: (base) =>
    base === 'passwd' ? 'root:x:0:0::/root:/bin/sh\nshop:x:1001:1002::/home/shop:\n' : 'www:x:33:\n',
  ask: () => '',
});
const shop = { uid: 1001, gid: 1002, name: 'shop', home: '/home/shop', shell: '/bin/sh' };

test('a user brings its group, its home and its shell along, by name or by id', () => {
  assert.deepEqual(runAsOf({ user: 'shop' }, accounts), shop);
  assert.deepEqual(runAsOf({ user: 1001 }, accounts), shop);
  assert.deepEqual(runAsOf({ user: 'shop', group: 'www' }, accounts), { ...shop, gid: 33 });
  assert.deepEqual(runAsOf({ user: 'shop', group: 7 }, accounts), { ...shop, gid: 7 });
  assert.equal(runAsOf({}, accounts), undefined);
});

test('an id without an account has the group of its own number, never that of root', () => {
  assert.deepEqual(runAsOf({ user: 4242 }, accounts), { uid: 4242, gid: 4242, home: '/' });
  assert.deepEqual(runAsOf({ user: 4242, group: 'www' }, accounts), { uid: 4242, gid: 33, home: '/' });
});

test('a group without a user goes with the user that the runtime has', () => {
  assert.equal(runAsOf({ group: 33 }, accounts)?.uid, process.geteuid?.());
  assert.equal(runAsOf({ group: 33 }, accounts)?.gid, 33);
});

test('a name that is not there is a problem, which names the one that may have been meant', () => {
  assert.deepEqual(
    accountProblems({ user: 'shpo', group: 'ww' }, ['sites', 1], accounts).map(({ path, message }) => [
      path,
      message,
    ]),
    [
      ['sites[1].user', 'this machine has no user "shpo"; did you mean "shop"?'],
      ['sites[1].group', 'this machine has no group "ww"; did you mean "www"?'],
    ],
  );
  for (const raw of [
    { user: 'shop', group: 'www' },
    { user: 4242 },
    { user: '-x', group: null },
    {},
    null,
    'x',
  ]) {
    assert.deepEqual(accountProblems(raw, [], accounts), []);
  }
});

test('a conf with such a name is refused whole', () => {
  const sites = [{ path: 'a' }, { path: 'b', user: 'no-such-user-here' }];
  const error = refusal(() => parseMasterConf({ sites }, { baseDir: '/srv' }));
  assert.equal(error.code, 'ERR_CONF_USER');
  assert.deepEqual(pathsOf(error), ['sites[1].user']);
});

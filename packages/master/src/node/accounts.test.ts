import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accounts } from './accounts.js';

const FILES = {
  passwd: 'root:x:0:0:root:/root:/bin/bash\nshop:x:1001:1002:Shop,,,:/home/shop:\n# a remark\n+::::::\n',
  group: 'root:x:0:\nwww:x:33:shop\n',
};

function accounts(asked: string[] = []): Accounts {
  return new Accounts({
    read: (base) => FILES[base],
    ask(base, key) {
      asked.push(`${base} ${key}`);
      return key === 'far' || key === '5000' ? 'far:*:5000:5001::/home/far:/bin/zsh\n' : '';
    },
  });
}

test('a user is found by name or id, in the file or by asking', () => {
  const shop = { name: 'shop', uid: 1001, gid: 1002, home: '/home/shop', shell: '/bin/sh' };
  const far = { name: 'far', uid: 5000, gid: 5001, home: '/home/far', shell: '/bin/zsh' };
  for (const [key, user] of [
    ['shop', shop],
    [1001, shop],
    ['far', far],
    [5000, far],
  ] as const) {
    assert.deepEqual(accounts().user(key), user, String(key));
  }
  for (const key of ['nobody-here', '1001', '', 4242]) assert.equal(accounts().user(key), undefined);
  assert.deepEqual(accounts().group('www'), { name: 'www', gid: 33 });
  assert.deepEqual(accounts().group(33), { name: 'www', gid: 33 });
  assert.equal(accounts().group('shop'), undefined);
});

test('nobody is asked for what the file has, nor again at once for what there is not', () => {
  const asked: string[] = [];
  const known = accounts(asked);
  for (let count = 0; count < 3; count += 1) {
    known.user('shop');
    known.user(4242);
  }
  assert.deepEqual(asked, ['passwd 4242']);
});

test('the accounts of this machine can be read', () => {
  assert.deepEqual([new Accounts().user(0)?.name, new Accounts().user('root')?.uid], ['root', 0]);
  assert.equal(new Accounts().user('no-such-user-here'), undefined);
  assert.ok(new Accounts().names('passwd').includes('root'));
});

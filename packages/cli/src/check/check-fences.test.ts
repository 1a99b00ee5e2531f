import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MasterConf } from '@vhostd/master';
import { checkFences } from './check-fences.js';

const ALLOW = { ports: [80] };

function told(...sites: object[]): string[] {
  const conf = { sites: sites.map((site) => ({ allow: {}, trusted: false, listen: [], ...site })) };
  return checkFences(conf as unknown as MasterConf).map(({ subject, message }) => `${subject}: ${message}`);
}

void test('an allow of a site that has no user of its own is warned of, once for all', () => {
  const [one, ...others] = told(
    { siteId: 'a', allow: ALLOW },
    { siteId: 'b', allow: { hosts: [] } },
    { siteId: 'c' },
    { siteId: 'd', allow: ALLOW, trusted: true },
    { siteId: 'e', allow: ALLOW, runAs: { uid: 1 } },
  );
  assert.match(String(one), /^a, b: an allow holds only for a site with a user of its own/);
  assert.deepEqual(others, []);
});

void test('an allow of a site that shares its user is warned of, once for each user', () => {
  assert.deepEqual(
    told(
      { siteId: 'a', allow: ALLOW, runAs: { uid: 1 } },
      { siteId: 'b', runAs: { uid: 1 } },
      { siteId: 'c', runAs: { uid: 2 } },
      { siteId: 'd', runAs: { uid: 2 } },
      { siteId: 'e', allow: ALLOW, runAs: { uid: 3 } },
    ),
    ['a, b: they run as one user (1): what is allowed to one of them, all can do'],
  );
});

void test('direct accept of a site with a user of its own is warned of', () => {
  const listen = [{ accept: 'direct' }];
  const [one, ...others] = told(
    { siteId: 'a', listen, runAs: { uid: 1 } },
    { siteId: 'b', listen },
    { siteId: 'c', listen, runAs: { uid: 2 }, trusted: true },
    { siteId: 'd', runAs: { uid: 3 } },
  );
  assert.match(String(one), /^a: accept "direct" is not for a site with a user of its own/);
  assert.deepEqual(others, []);
});

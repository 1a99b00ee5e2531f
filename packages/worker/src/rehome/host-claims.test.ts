// What a worker believes about hosts, held against what the master has told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteClaims } from '@vhostd/protocol';
import { SiteHosts } from './host-claims.js';

const CLAIMS: SiteClaims = {
  '*|80': { isDefault: false, own: ['a.test', '*.a.test', 'b.x.a.test'], others: ['c.a.test', '*.x.a.test'] },
  '*|81': { isDefault: true, own: ['a.test'], others: ['b.test'] },
};

function hostsOf(...claims: SiteClaims[]): SiteHosts {
  const hosts = new SiteHosts();
  hosts.set(claims);
  return hosts;
}

void test('the exact host goes before the longest suffix, and that before the default', () => {
  const hosts = hostsOf(CLAIMS);
  const cases: [host: string | null, isOwn: boolean][] = [
    ['a.test', true],
    ['w.a.test', true],
    ['v.w.a.test', true],
    ['c.a.test', false],
    ['x.a.test', true],
    ['y.x.a.test', false],
    ['b.x.a.test', true],
    ['b.test', false],
    ['test', false],
    ['[::1]', false],
    [null, false],
  ];
  for (const [host, isOwn] of cases) assert.equal(hosts.has('*|80', host), isOwn, String(host));
  assert.deepEqual(
    ['a.test', 'b.test', 'nobody.test', null].map((host) => hosts.has('*|81', host)),
    [true, false, true, true],
  );
});

void test('on a listener that the site is not on nothing is its own', () => {
  assert.equal(hostsOf(CLAIMS).has('*|82', 'a.test'), false);
});

void test('while claims change, a host is the own one only where both say so', () => {
  const after: SiteClaims = { '*|80': { isDefault: true, own: ['c.a.test'], others: [] } };
  const hosts = hostsOf(CLAIMS, after);
  assert.deepEqual(
    ['a.test', 'c.a.test', 'b.test'].map((host) => hosts.has('*|80', host)),
    [true, false, false],
  );
  const { version } = hosts;
  hosts.set([after]);
  assert.notEqual(hosts.version, version);
  assert.equal(hosts.has('*|80', 'c.a.test'), true);
});

void test('before the master has said anything, nothing is refused', () => {
  assert.equal(new SiteHosts().has('*|80', 'a.test'), true);
});

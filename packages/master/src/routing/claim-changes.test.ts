// Whether a change of routes takes a host from a site.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostClaims } from '@vhostd/protocol';
import { parseHostPattern } from '../hosts/host-pattern.js';
import { losesHosts, sameClaims } from './claim-changes.js';
import { RouteTable } from './route-table.js';
import type { RoutePlace } from './route-table.js';

const claims = (own: string[], others: string[] = [], isDefault = false): { '*|80': HostClaims } => ({
  '*|80': { isDefault, own, others },
});

void test('a site loses a host that it gives up, that another one has a closer pattern for, or its address', () => {
  const before = claims(['a.test', '*.a.test'], ['c.a.test'], true);
  assert.ok(losesHosts(before, claims(['a.test'], ['c.a.test'], true)));
  assert.ok(losesHosts(before, claims(['a.test', '*.a.test'], ['c.a.test', 'd.a.test'], true)));
  assert.ok(losesHosts(before, claims(['a.test', '*.a.test'], ['c.a.test'], false)));
  assert.ok(losesHosts(before, {}));
});

void test('a site that wins hosts loses none', () => {
  const before = claims(['a.test'], ['b.test']);
  assert.ok(!losesHosts(before, claims(['a.test', 'b.test'], [], true)));
  assert.ok(!losesHosts({}, before));
  assert.ok(!losesHosts(before, { ...before, '*|81': claims(['a.test'])['*|80'] }));
  assert.ok(sameClaims({ x: before['*|80'], y: before['*|80'] }, { y: before['*|80'], x: before['*|80'] }));
  assert.ok(!sameClaims(before, claims(['a.test'])));
});

void test('a table tells what leads to a site, and what of it leads to others', () => {
  const place = (key: string, pattern: string | null): RoutePlace => ({
    listenerKey: key,
    pattern: pattern === null ? null : parseHostPattern(pattern),
  });
  const built = RouteTable.build<string>([
    { target: 'a', ...place('80', '*.a.test') },
    { target: 'a', ...place('80', 'a.test') },
    { target: 'b', ...place('80', 'b.a.test') },
    { target: 'b', ...place('80', 'b.test') },
    { target: 'd', ...place('80', null) },
    { target: 'd', ...place('81', 'd.test') },
  ]);
  assert.ok('table' in built);
  const { table } = built;
  assert.deepEqual(table.claimsOf('a'), {
    '80': { isDefault: false, own: ['*.a.test', 'a.test'], others: ['b.a.test'] },
  });
  assert.deepEqual(table.claimsOf('b'), {
    '80': { isDefault: false, own: ['b.a.test', 'b.test'], others: [] },
  });
  assert.deepEqual(table.claimsOf('d'), {
    '80': { isDefault: true, own: [], others: ['*.a.test', 'a.test', 'b.a.test', 'b.test'] },
    '81': { isDefault: false, own: ['d.test'], others: [] },
  });
  const replaced = table.replaceTargets(new Map([['d', [place('81', 'd.test')]]]));
  assert.ok('table' in replaced);
  assert.deepEqual([...replaced.table.targetsChangedFrom(table)], ['d']);
  assert.deepEqual([...table.targetsChangedFrom(table)], []);

  const changedBy = (target: string, ...places: RoutePlace[]): string[] => {
    const result = table.replaceTargets(new Map([[target, places]]));
    assert.ok('table' in result);
    const changed = [...result.table.targetsChangedFrom(table)].toSorted();
    // Nobody else is told something new.
    for (const other of ['a', 'b', 'c', 'd']) {
      const same = sameClaims(table.claimsOf(other), result.table.claimsOf(other));
      assert.ok(same || changed.includes(other), `${other} is changed as well`);
    }
    return changed;
  };
  // The default is for all that nobody else has, a wildcard for what is below it, however far.
  assert.deepEqual(changedBy('c', place('80', 'c.test')), ['c', 'd']);
  assert.deepEqual(changedBy('c', place('80', 'x.y.a.test')), ['a', 'c', 'd']);
  assert.deepEqual(changedBy('c', place('80', '*.y.a.test')), ['a', 'c', 'd']);
  assert.deepEqual(changedBy('b'), ['a', 'b', 'd']);
  assert.deepEqual(changedBy('c', place('81', 'c.test')), ['c']);
  assert.deepEqual(changedBy('c', place('82', 'c.test')), ['c']);
  assert.deepEqual(changedBy('b', place('80', 'b.a.test'), place('80', 'b.test')), []);
});

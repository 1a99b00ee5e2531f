// An address of one site alone, and what overlaps it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteTable } from './route-table.js';
import type { RoutePlace } from './route-table.js';
import { SocketHolders } from './socket-holders.js';

function place(listenerKey: string, direct?: true): RoutePlace {
  return { listenerKey, pattern: null, ...(direct === undefined ? {} : { direct }) };
}

/** The two that want one address, where they do. */
function conflict(...places: [site: string, key: string, direct?: true][]): readonly string[] | undefined {
  const empty = RouteTable.build<string>([]);
  assert.ok('table' in empty);
  let { table } = empty;
  for (const [site, key, direct] of places) {
    const result = table.replaceTargets(new Map([[site, [place(key, direct)]]]));
    if ('conflict' in result) return result.conflict.targets;
    ({ table } = result);
  }
  return undefined;
}

test('nobody else gets an address of a site alone, nor one that overlaps it', () => {
  assert.deepEqual(conflict(['a', '10.0.0.1|80', true], ['b', '*|80']), ['a', 'b']);
  assert.deepEqual(conflict(['a', '*|80', true], ['b', '10.0.0.1|80']), ['a', 'b']);
  assert.deepEqual(conflict(['a', '0.0.0.0|80', true], ['b', '10.0.0.1|80', true]), ['a', 'b']);
  assert.deepEqual(conflict(['b', '*|80'], ['a', '10.0.0.1|80', true]), ['a', 'b']);
});

test('other ports and addresses are free, and so is what it gives up', () => {
  assert.equal(conflict(['a', '10.0.0.1|80', true], ['b', '10.0.0.2|80'], ['c', '10.0.0.1|81']), undefined);
  assert.equal(conflict(['a', '*|80', true], ['a', '*|81', true], ['b', '*|80']), undefined);
  assert.equal(conflict(['a', '*|80', true], ['a', '*|80'], ['b', '127.0.0.1|80']), undefined);
  assert.equal(conflict(['a', '127.0.0.1|0|tcp', true], ['b', '*|0|tcp']), undefined);
});

test('what a process holds is in the way of other sites until it has gone', () => {
  const holders = new SocketHolders<string>();
  const process = {};
  holders.add(process, 'a', '*|80');
  holders.add(process, 'a', '*|81');
  assert.deepEqual(holders.inTheWay('b', [place('10.0.0.1|80')]), {
    listenerKey: '10.0.0.1|80',
    holder: 'a',
  });
  assert.equal(holders.inTheWay('b', [place('*|82')]), undefined);
  assert.equal(holders.inTheWay('a', [place('*|80')]), undefined);
  holders.delete(process);
  assert.equal(holders.inTheWay('b', [place('*|81')]), undefined);
});

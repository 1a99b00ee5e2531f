// Which sites a change of routes concerns together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHostPattern } from '../hosts/host-pattern.js';
import { groupsOf, movesBetween } from './moves.js';
import { RouteTable } from './route-table.js';

type Places = Record<string, readonly string[]>;

/** A table in which each target has places such as `*|80 a.test`; a listener alone stands for its default. */
function tableOf(places: Places): RouteTable<string> {
  const claims = Object.entries(places).flatMap(([target, of]) =>
    of.map((place) => {
      const [listenerKey = '', host] = place.split(' ');
      return { target, listenerKey, pattern: host === undefined ? null : parseHostPattern(host) };
    }),
  );
  const built = RouteTable.build(claims);
  assert.ok('table' in built, JSON.stringify(built));
  return built.table;
}

function moves(before: Places, after: Places): string[] {
  return movesBetween(tableOf(before), tableOf(after)).map(
    ({ from, to, joint, host, port }) =>
      `${host ?? 'default'} ${port}: ${from} → ${to}${joint ? '' : ', either first'}`,
  );
}

function groups(before: Places, after: Places): string[] {
  const found = groupsOf(movesBetween(tableOf(before), tableOf(after)), (target) => !(target in before));
  return found.map((group) => [...group].toSorted().join(' ')).toSorted();
}

test('what stays where it is, comes new, or goes is no move', () => {
  const before = { a: ['*|80 a.test', '*|80 old.test'], b: ['*|80 *.b.test', '*|80'] };
  assert.deepEqual(moves(before, before), []);
  assert.deepEqual(moves({ a: ['*|80 a.test'] }, { a: ['*|80 new.test'], b: ['*|81 a.test'] }), []);
});

test('a host, a wildcard and a default move from one site to another', () => {
  const before = { a: ['*|80 x.test', '*|80 *.y.test', '*|80'], b: ['*|80 b.test'] };
  const after = { a: ['*|80 a.test'], b: ['*|80 b.test', '*|80 x.test', '*|80 *.y.test', '*|80'] };
  assert.deepEqual(moves(before, after).toSorted(), [
    '*.y.test 80: a → b',
    'default 80: a → b',
    'x.test 80: a → b',
  ]);
  assert.deepEqual(groups(before, after), ['a b']);
});

test('a host moves also where a wildcard or a default takes it', () => {
  assert.deepEqual(moves({ a: ['*|80 x.b.test'] }, { b: ['*|80 *.b.test'] }), ['x.b.test 80: a → b']);
  assert.deepEqual(moves({ a: ['*|80 x.test'] }, { b: ['*|80'] }), ['x.test 80: a → b']);
});

test('what falls to somebody who has had the wildcard or the default before waits for nobody', () => {
  const before = { a: ['*|80 x.test'], d: ['*|80'] };
  const after = { a: ['*|80 a.test'], d: ['*|80'] };
  assert.deepEqual(moves(before, after).toSorted(), [
    'a.test 80: d → a, either first',
    'x.test 80: a → d, either first',
  ]);
  assert.deepEqual(groups(before, after), []);
});

test('a new site that takes something from another one comes in when it is ready, by itself if the other keeps its place', () => {
  const before = { d: ['*|80', '*|80 d.test'], w: ['*|80 *.w.test'] };
  assert.deepEqual(groups(before, { ...before, b: ['*|80 b.test'] }), ['b']);
  assert.deepEqual(groups(before, { ...before, b: ['*|80 x.w.test'] }), ['b']);
  assert.deepEqual(groups({ w: ['*|80 *.w.test'] }, { w: ['*|80 *.w.test'], b: ['*|80 b.test'] }), []);
});

test('an exchange, a chain and a renaming are one change each', () => {
  const blue = ['*|80 live.test'];
  const green = ['*|80 next.test'];
  assert.deepEqual(groups({ blue, green }, { blue: green, green: blue }), ['blue green']);
  const before = { a: ['*|80 1.test'], b: ['*|80 2.test'], c: ['*|80 3.test'], e: ['*|80 e.test'] };
  const after = { b: ['*|80 1.test'], c: ['*|80 2.test'], e: ['*|80 e.test'], n: ['*|80 3.test'] };
  assert.deepEqual(groups(before, after), ['a b c n']);
  assert.deepEqual(
    groups({ a: ['*|80 1.test'], b: ['*|81 2.test'] }, { b: ['*|80 1.test'], c: ['*|81 2.test'] }),
    ['a b c'],
  );
});

test('sites that go to a narrower or wider address together are one change: the first would hide it from the others', () => {
  const on = (ip: string): Places => ({ a: [`${ip}|80 a.test`], b: [`${ip}|80 b.test`] });
  const other = { c: ['*|81 c.test'] };
  assert.deepEqual(moves(on('*'), on('127.0.0.1')).toSorted(), ['a.test 80: a → b', 'b.test 80: b → a']);
  for (const [before, after] of [
    ['0.0.0.0', '127.0.0.1'],
    ['127.0.0.1', '*'],
  ] as const) {
    assert.deepEqual(groups({ ...on(before), ...other }, { ...on(after), ...other }), ['a b']);
    // One of them is renamed.
    const { a = [], ...rest } = on(after);
    assert.deepEqual(groups(on(before), { ...rest, n: a }), ['a b n']);
  }
  // One that stays at the wide address is not concerned.
  const staying = { s: ['*|80 s.test'] };
  assert.deepEqual(groups({ ...on('*'), ...staying }, { ...on('127.0.0.1'), ...staying }), ['a b']);
});

test('addresses of one port are looked at as connections find them: the most exact one first', () => {
  const wide = { a: ['*|80 x.test'] };
  // One site that narrows or widens its address moves nothing.
  assert.deepEqual(moves(wide, { a: ['127.0.0.1|80 x.test'] }), []);
  assert.deepEqual(moves({ a: ['127.0.0.1|80 x.test'] }, { a: ['0.0.0.0|80 x.test'] }), []);
  // Another one that opens a more exact address takes what comes in there.
  assert.deepEqual(moves(wide, { ...wide, b: ['127.0.0.1|80 x.test'] }), ['x.test 80: a → b, either first']);
  assert.deepEqual(moves(wide, { b: ['127.0.0.1|80 x.test'] }), ['x.test 80: a → b']);
  assert.deepEqual(moves(wide, { b: ['0.0.0.0|80 x.test'] }), ['x.test 80: a → b']);
  assert.deepEqual(moves({ a: ['127.0.0.1|80 x.test'] }, { b: ['127.0.0.2|80 x.test'] }), []);
});

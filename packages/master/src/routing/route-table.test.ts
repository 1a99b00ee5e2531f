// The routing table: who gets a host, what two sites cannot both have, and what a change leaves alone.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Random } from '../peek/heads.test.kit.js';
import { parseHostPattern } from '../hosts/host-pattern.js';
import { RouteTable } from './route-table.js';
import type { RouteClaim, RouteConflict, RoutePlace, RouteTableResult } from './route-table.js';

void test('an exact host wins over a suffix, a longer suffix over a shorter, the default takes the rest', () => {
  const table = tableOf([
    claim('any', null),
    claim('exact', 'x.a.com'),
    claim('under', '*.a.com'),
    claim('deep', '*.y.a.com'),
    claim('apex', 'a.com'),
    claim('v6', '::1'),
  ]);
  const expected: [string | null, string][] = [
    ['x.a.com', 'exact'],
    ['z.a.com', 'under'],
    ['z.x.a.com', 'under'],
    ['y.a.com', 'under'],
    ['z.y.a.com', 'deep'],
    ['w.z.y.a.com', 'deep'],
    ['a.com', 'apex'],
    ['[::1]', 'v6'],
    ['xa.com', 'any'],
    ['com', 'any'],
    ['10.0.0.1', 'any'],
    [null, 'any'],
  ];
  for (const [host, target] of expected) assert.equal(table.lookup('tcp:80', host), target, String(host));
});

void test('what names no host goes to the only target of its listener, else to the default', () => {
  const one = [claim('one', 'a.com'), claim('one', 'b.com')];
  assert.equal(tableOf(one).hostless('tcp:80'), 'one');
  assert.equal(tableOf([...one, claim('one', null)]).hostless('tcp:80'), 'one');
  const two = [...one, claim('two', 'c.com')];
  assert.equal(tableOf(two).hostless('tcp:80'), undefined);
  assert.equal(tableOf([...two, claim('two', null)]).hostless('tcp:80'), 'two');
  assert.equal(tableOf(one).hostless('tcp:81'), undefined);
});

void test('a suffix does not match the name itself', () => {
  const table = tableOf([claim('under', '*.a.com')]);
  assert.equal(table.lookup('tcp:80', 'a.com'), undefined);
  assert.equal(table.lookup('tcp:80', 'x.a.com'), 'under');
});

void test('listeners are apart: a host, a default and their absence belong to one listener', () => {
  const table = tableOf([
    claim('one', 'a.com'),
    claim('two', 'a.com', 'ssl:443'),
    claim('two', null, 'ssl:443'),
  ]);
  assert.equal(table.lookup('tcp:80', 'a.com'), 'one');
  assert.equal(table.lookup('ssl:443', 'a.com'), 'two');
  assert.equal(table.lookup('ssl:443', 'b.com'), 'two');
  assert.equal(table.lookup('tcp:80', 'b.com'), undefined);
  assert.equal(table.lookup('tcp:80', null), undefined);
  assert.equal(table.lookup('tcp:81', 'a.com'), undefined);
  assert.equal(table.targetCount('tcp:80'), 1);
  assert.equal(table.targetCount('tcp:81'), 0);
});

void test('names of object members are hosts like any other', () => {
  const table = tableOf([claim('a', 'a.com')]);
  for (const host of ['__proto__', 'constructor', 'x.__proto__']) {
    assert.equal(table.lookup('tcp:80', host), undefined);
    assert.equal(table.lookup(host, 'a.com'), undefined);
  }
});

void test('two targets that claim one place are a conflict that names both; one target may repeat itself', () => {
  const cases: [string | null, string | null][] = [
    ['a.com', 'a.com'],
    ['*.a.com', '*.a.com'],
    [null, null],
  ];
  for (const [pattern, text] of cases) {
    assert.deepEqual(conflictOf(RouteTable.build([claim('one', pattern), claim('two', pattern)])), {
      listenerKey: 'tcp:80',
      pattern: text,
      targets: ['one', 'two'],
    });
    assert.equal(tableOf([claim('one', pattern), claim('one', pattern)]).targetCount('tcp:80'), 1);
  }
  assert.equal(tableOf([claim('one', 'a.com'), claim('two', '*.a.com')]).targetCount('tcp:80'), 2);
});

void test('targets are told apart by identity, not by their looks', () => {
  const one = { siteId: 'a' };
  const two = { siteId: 'a' };
  const shared: RoutePlace = { listenerKey: 'tcp:80', pattern: parseHostPattern('a.com') };
  assert.ok(
    'conflict' in
      RouteTable.build([
        { ...shared, target: one },
        { ...shared, target: two },
      ]),
  );
  const result = RouteTable.build([{ ...shared, target: one }]);
  assert.ok('table' in result && result.table.lookup('tcp:80', 'a.com') === one);
});

void test('replacing a target changes its places at once, and the table before stays as it was', () => {
  const before = tableOf([claim('one', 'a.com'), claim('one', 'b.com', 'ssl:443'), claim('two', 'c.com')]);
  const after = valueOf(replaced(before, 'one', [place('a2.com'), place('*.a.com')]));
  assert.equal(after.lookup('tcp:80', 'a.com'), undefined);
  assert.equal(after.lookup('tcp:80', 'a2.com'), 'one');
  assert.equal(after.lookup('tcp:80', 'x.a.com'), 'one');
  assert.equal(after.lookup('ssl:443', 'b.com'), undefined);
  assert.equal(after.listener('ssl:443'), undefined);
  assert.equal(after.lookup('tcp:80', 'c.com'), 'two');
  assert.equal(before.lookup('tcp:80', 'a.com'), 'one');
  assert.equal(before.lookup('ssl:443', 'b.com'), 'one');
  const gone = valueOf(replaced(after, 'one', []));
  assert.equal(gone.lookup('tcp:80', 'a2.com'), undefined);
  assert.equal(gone.lookup('tcp:80', 'c.com'), 'two');
});

void test('a released place is free, a default too, and one that was claimed twice', () => {
  const before = tableOf([
    claim('one', null),
    claim('one', 'a.com'),
    claim('one', 'a.com'),
    claim('two', '*.a.com'),
  ]);
  const after = valueOf(replaced(before, 'one', [place('b.com')]));
  assert.equal(after.lookup('tcp:80', null), undefined);
  assert.equal(after.lookup('tcp:80', 'a.com'), undefined);
  const taken = valueOf(replaced(after, 'two', [place(null), place('a.com')]));
  assert.equal(taken.lookup('tcp:80', 'x.a.com'), 'two');
  assert.equal(taken.lookup('tcp:80', 'b.com'), 'one');
  assert.equal(taken.targetCount('tcp:80'), 2);
  assert.equal(before.lookup('tcp:80', null), 'one');
});

void test('a table that was changed many times equals one that was built at once', () => {
  let changed = tableOf([]);
  const held = new Map<string, string>();
  const random = new Random(7);
  const targets = ['s0', 's1', 's2', 's3', 's4'];
  for (let i = 0; i < 300; i++) {
    const target = random.pick(targets);
    const wanted = Array.from({ length: random.below(4) }, () =>
      random.pick(['a.com', '*.a.com', 'b.com', '*.com', '']),
    );
    const result = replaced(
      changed,
      target,
      wanted.map((text) => place(text === '' ? null : text)),
    );
    const isFree = wanted.every((text) => (held.get(text) ?? target) === target);
    assert.equal('table' in result, isFree);
    if (!('table' in result)) continue;
    changed = result.table;
    for (const [text, holder] of held) if (holder === target) held.delete(text);
    for (const text of wanted) held.set(text, target);
    const built = tableOf(Array.from(held, ([text, holder]) => claim(holder, text === '' ? null : text)));
    for (const host of ['a.com', 'x.a.com', 'b.com', 'c.com', 'org', null]) {
      assert.equal(changed.lookup('tcp:80', host), built.lookup('tcp:80', host));
    }
    assert.equal(changed.targetCount('tcp:80'), new Set(held.values()).size);
  }
});

void test('a host may pass from one target to another by two changes, and not by the second alone', () => {
  const table = tableOf([claim('one', 'a.com'), claim('two', 'b.com')]);
  assert.deepEqual(conflictOf(replaced(table, 'two', [place('b.com'), place('a.com')])), {
    listenerKey: 'tcp:80',
    pattern: 'a.com',
    targets: ['one', 'two'],
  });
  assert.equal(table.lookup('tcp:80', 'a.com'), 'one');
  const freed = valueOf(replaced(table, 'one', []));
  assert.equal(valueOf(replaced(freed, 'two', [place('a.com')])).lookup('tcp:80', 'a.com'), 'two');
});

void test('a change gives the listeners of its target a new index and shares all others', () => {
  const before = tableOf([
    claim('one', 'a.com'),
    claim('two', 'b.com', 'ssl:443'),
    claim('two', 'b.com', 'tcp:81'),
  ]);
  const after = valueOf(replaced(before, 'one', [place('c.com'), place('c.com', 'tcp:81')]));
  assert.equal(after.listener('ssl:443'), before.listener('ssl:443'));
  assert.notEqual(after.listener('tcp:80'), before.listener('tcp:80'));
  assert.notEqual(after.listener('tcp:81'), before.listener('tcp:81'));
  assert.equal(after.lookup('tcp:81', 'b.com'), 'two');
});

void test('a look-up reads as many map entries among 20 000 hosts as among two', () => {
  const small = tableOf([claim('s', '*.s.example'), claim('h', 'h.example')]);
  const claims = Array.from({ length: 10_000 }, (_, i) => [
    claim(`e${i}`, `h${i}.com`),
    claim(`s${i}`, `*.s${i}.org`),
  ]);
  const large = tableOf([...claims.flat(), claim('s', '*.s.example'), claim('h', 'h.example')]);
  for (const host of ['h.example', 'a.b.s.example', 'nobody.knows.this.name', null]) {
    assert.equal(large.lookup('tcp:80', host), small.lookup('tcp:80', host));
    assert.equal(readsOf(large, host), readsOf(small, host), String(host));
  }
});

function replaced(
  table: RouteTable<string>,
  target: string,
  places: readonly RoutePlace[],
): RouteTableResult<string> {
  return table.replaceTargets(new Map([[target, places]]));
}

function readsOf(table: RouteTable<string>, host: string | null): number {
  const get = mock.method(Map.prototype, 'get');
  try {
    table.lookup('tcp:80', host);
    assert.ok(get.mock.callCount() > 0);
    return get.mock.callCount();
  } finally {
    get.mock.restore();
  }
}

function place(pattern: string | null, listenerKey = 'tcp:80'): RoutePlace {
  return { listenerKey, pattern: pattern === null ? null : parseHostPattern(pattern) };
}

function claim(target: string, pattern: string | null, listenerKey?: string): RouteClaim<string> {
  return { ...place(pattern, listenerKey), target };
}

function tableOf(claims: readonly RouteClaim<string>[]): RouteTable<string> {
  return valueOf(RouteTable.build(claims));
}

function valueOf(result: RouteTableResult<string>): RouteTable<string> {
  assert.ok('table' in result, JSON.stringify(result));
  return result.table;
}

function conflictOf(result: RouteTableResult<string>): RouteConflict<string> | undefined {
  return 'conflict' in result ? result.conflict : undefined;
}

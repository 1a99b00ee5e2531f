// What each balance guarantees about whom it picks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalance } from './balance.js';
import type { BalanceName } from '../../conf/site-conf.js';
import type { Balance, Candidate, Client } from './balance.js';
import { cookieOf } from './cookie.js';

const NAMES: readonly BalanceName[] = ['least', 'round-robin', 'ip-hash'];
const ADDRESSES = Array.from({ length: 12_000 }, (_, i) => `10.${i % 7}.${(i >> 8) & 255}.${i & 255}`);

void test('none of no candidates, the one of one, and the candidate itself', () => {
  for (const name of NAMES) {
    const balance = createBalance(name);
    assert.equal(balance.pick([], client('192.0.2.1')), undefined, name);
    const only = { ...worker(3, 9), extra: name };
    assert.equal(balance.pick([only], client('192.0.2.1')), only);
    assert.equal(balance.pick([only], client('')), only);
  }
});

void test('least picks the fewest connections', () => {
  const balance = createBalance('least');
  for (let i = 0; i < 5; i++) assert.equal(slotOf(balance, [worker(0, 5), worker(1, 2), worker(2, 3)]), 1);
});

void test('least lets those that are equal take turns', () => {
  const balance = createBalance('least');
  const candidates = [worker(0, 1), worker(1, 7), worker(2, 1), worker(3, 1)];
  assert.deepEqual(slots(balance, candidates, 7), [0, 2, 3, 0, 2, 3, 0]);
});

void test('round-robin takes turns by slot, whatever the load and the order of the candidates', () => {
  const balance = createBalance('round-robin');
  const candidates = [worker(2, 0), worker(0, 99), worker(1, 5)];
  assert.deepEqual(slots(balance, candidates, 4), [0, 1, 2, 0]);
  assert.deepEqual(slots(balance, candidates.toReversed(), 3), [1, 2, 0]);
});

void test('round-robin skips nobody and repeats nobody when a worker leaves, joins or is replaced', () => {
  const balance = createBalance('round-robin');
  const [a, b, c, d] = [worker(0), worker(1), worker(2), worker(3)];
  assert.deepEqual(slots(balance, [a, b, c], 2), [0, 1]);
  assert.deepEqual(slots(balance, [a, c], 1), [2], 'the last one picked has left');
  assert.deepEqual(slots(balance, [a, b, c, d], 4), [3, 0, 1, 2]);
  assert.deepEqual(slots(balance, [a, { ...b, id: 'next generation' }, c], 3), [0, 1, 2]);
});

void test('two generations of a slot both get their turns', () => {
  for (const name of ['least', 'round-robin'] as const) {
    const balance = createBalance(name);
    const candidates = [worker(0), { ...worker(0), id: 'z' }, worker(1)];
    const ids = Array.from({ length: 6 }, () => balance.pick(candidates, client(''))?.id);
    assert.deepEqual(ids, ['w0', 'z', 'w1', 'w0', 'z', 'w1'], name);
  }
});

void test('ip-hash picks the same slot for an address, in any order, by any instance, under any load', () => {
  const candidates = workers(5);
  const busier = candidates
    .map((candidate) => ({ ...candidate, connectionCount: 50 - candidate.slot }))
    .toReversed();
  const [one, two] = [createBalance('ip-hash'), createBalance('ip-hash')];
  for (const address of ADDRESSES.slice(0, 500)) {
    const slot = one.pick(candidates, client(address))?.slot;
    assert.equal(two.pick(busier, client(address))?.slot, slot);
    assert.equal(
      two.pick(
        candidates.map((each) => ({ ...each, id: `new ${each.id}` })),
        client(address),
      )?.slot,
      slot,
    );
  }
});

void test('ip-hash stays the same across releases: a sticky client must survive an upgrade', () => {
  const balance = createBalance('ip-hash');
  const addresses = [
    '192.0.2.1',
    '192.0.2.2',
    '198.51.100.7',
    '203.0.113.99',
    '2001:db8::1',
    '2001:db8:0:1::1',
  ];
  assert.deepEqual(
    addresses.map((address) => balance.pick(workers(8), client(address))?.slot),
    [0, 6, 0, 0, 5, 3],
  );
});

void test('ip-hash spreads addresses evenly over the slots', () => {
  for (const count of [2, 3, 8, 16]) {
    const loads = Array.from({ length: count }, () => 0);
    const balance = createBalance('ip-hash');
    for (const address of ADDRESSES) {
      const slot = balance.pick(workers(count), client(address))?.slot ?? 0;
      loads[slot] = (loads[slot] ?? 0) + 1;
    }
    const even = ADDRESSES.length / count;
    for (const load of loads)
      assert.ok(Math.abs(load - even) < even * 0.15, `${count} slots: ${loads.join(' ')}`);
  }
});

void test('ip-hash moves only the clients of a slot that leaves, and back when it returns', () => {
  const balance = createBalance('ip-hash');
  const all = workers(6);
  const rest = all.filter((candidate) => candidate.slot !== 2);
  const takenOver = new Set<number>();
  for (const address of ADDRESSES.slice(0, 3000)) {
    const before = balance.pick(all, client(address))?.slot ?? -1;
    const without = balance.pick(rest, client(address))?.slot ?? -1;
    if (before === 2) takenOver.add(without);
    else assert.equal(without, before);
  }
  assert.equal(takenOver.size, 5, 'its clients are shared by all the others');
});

void test('ip-hash keeps addresses of one IPv6 /64 together and tells networks apart', () => {
  const balance = createBalance('ip-hash');
  const slot = balance.pick(workers(16), client('2001:db8:0:5::1'))?.slot;
  for (let i = 0; i < 200; i++) {
    assert.equal(balance.pick(workers(16), client(`2001:db8:0:5:${i.toString(16)}::${i}`))?.slot, slot);
  }
  const networks = Array.from(
    { length: 200 },
    (_, i) => balance.pick(workers(16), client(`2001:db8:0:${i}::1`))?.slot,
  );
  assert.equal(new Set(networks).size, 16);
});

const COOKIE = { cookie: 'io', otherwise: 'round-robin' } as const;

void test('cookie: a value always leads to the same slot, by any instance, and values are spread', () => {
  const [one, two] = [createBalance(COOKIE), createBalance(COOKIE)];
  const loads = [0, 0, 0];
  for (let i = 0; i < 3000; i++) {
    const slot = one.pick(workers(3), asking(`io=user-${i}`))?.slot ?? -1;
    assert.equal(two.pick(workers(3).toReversed(), asking(`a=1; io=user-${i}; b=2`))?.slot, slot);
    loads[slot] = (loads[slot] ?? 0) + 1;
  }
  for (const load of loads) assert.ok(load > 850 && load < 1150, loads.join(' '));
});

void test('cookie: the number of a slot leads there, else to another slot while that one is away', () => {
  const balance = createBalance(COOKIE);
  for (let slot = 0; slot < 5; slot++)
    assert.equal(balance.pick(workers(5), asking(`io=${slot}`))?.slot, slot);
  const rest = workers(5).filter(({ slot }) => slot !== 3);
  const instead = balance.pick(rest, asking('io=3'))?.slot;
  assert.notEqual(instead, 3);
  assert.equal(balance.pick(rest, asking('io=3'))?.slot, instead);
});

void test('cookie: what has none is for the other rule, and only what has one waits for its worker', () => {
  const balance = createBalance(COOKIE);
  const none = asking('other=1');
  assert.deepEqual(
    [0, 1, 2].map(() => balance.pick(workers(3), none)?.slot),
    [0, 1, 2],
  );
  assert.deepEqual([balance.sticks(none), balance.sticks(asking('io=x'))], [false, true]);
  assert.equal(createBalance({ cookie: 'io', otherwise: 'ip-hash' }).sticks(none), true);
});

void test('cookie: a connection between two requests stays with its slot, one with a request goes by that', () => {
  const balance = createBalance(COOKIE);
  for (const slot of [2, 0, 2]) {
    assert.equal(balance.pick(workers(3), { address: '', head: '', slot })?.slot, slot);
    assert.equal(balance.pick(workers(3), { ...asking('io=1'), slot })?.slot, 1);
  }
});

void test('a cookie is read from every Cookie field of the head, and from nothing else', () => {
  const cases: [fields: string, value: string | undefined][] = [
    ['Cookie: io=1', '1'],
    ['cookie:io=1', '1'],
    ['COOKIE: a=b;io=x=y ; c=d', 'x=y'],
    ['Cookie: a=b\r\nX: y\r\nCookie: io=2', '2'],
    ['Cookie: io=; io=3', '3'],
    ['Cookie: io="q"', '"q"'],
    ['Cookie: io', undefined],
    ['Cookie: IO=1', undefined],
    ['Cookie: xio=1', undefined],
    ['X-Cookie: io=1', undefined],
    ['X: y', undefined],
  ];
  for (const [fields, value] of cases) {
    assert.equal(cookieOf(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\nCookie: io=body\r\n`, 'io'), value);
  }
  assert.equal(cookieOf('Cookie: io=1\r\n\r\n', 'io'), undefined, 'a request line');
  assert.equal(cookieOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'io'), undefined);
});

/** A connection of which nothing but the address is known. */
function client(address: string): Client {
  return { address, head: '' };
}

/** A connection with a request that has this Cookie field. */
function asking(cookie: string): Client {
  return { address: '192.0.2.1', head: `GET / HTTP/1.1\r\nHost: a.test\r\nCookie: ${cookie}\r\n\r\n` };
}

function worker(slot: number, connectionCount = 0): Candidate {
  return { id: `w${slot}`, slot, connectionCount };
}

function workers(count: number): Candidate[] {
  return Array.from({ length: count }, (_, slot) => worker(slot));
}

function slotOf(balance: Balance, candidates: readonly Candidate[]): number | undefined {
  return balance.pick(candidates, client('192.0.2.1'))?.slot;
}

function slots(balance: Balance, candidates: readonly Candidate[], count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => slotOf(balance, candidates));
}

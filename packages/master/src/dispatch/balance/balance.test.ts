// What each balance guarantees about whom it picks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalance } from './balance.js';
import type { Balance, BalanceName, Candidate } from './balance.js';

const NAMES: readonly BalanceName[] = ['least', 'round-robin', 'ip-hash'];
const ADDRESSES = Array.from({ length: 12_000 }, (_, i) => `10.${i % 7}.${(i >> 8) & 255}.${i & 255}`);

void test('none of no candidates, the one of one, and the candidate itself', () => {
  for (const name of NAMES) {
    const balance = createBalance(name);
    assert.equal(balance.pick([], '192.0.2.1'), undefined, name);
    const only = { ...worker(3, 9), extra: name };
    assert.equal(balance.pick([only], '192.0.2.1'), only);
    assert.equal(balance.pick([only], ''), only);
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
    const ids = Array.from({ length: 6 }, () => balance.pick(candidates, '')?.id);
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
    const slot = one.pick(candidates, address)?.slot;
    assert.equal(two.pick(busier, address)?.slot, slot);
    assert.equal(
      two.pick(
        candidates.map((each) => ({ ...each, id: `new ${each.id}` })),
        address,
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
    addresses.map((address) => balance.pick(workers(8), address)?.slot),
    [0, 6, 0, 0, 5, 3],
  );
});

void test('ip-hash spreads addresses evenly over the slots', () => {
  for (const count of [2, 3, 8, 16]) {
    const loads = Array.from({ length: count }, () => 0);
    const balance = createBalance('ip-hash');
    for (const address of ADDRESSES) {
      const slot = balance.pick(workers(count), address)?.slot ?? 0;
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
    const before = balance.pick(all, address)?.slot ?? -1;
    const without = balance.pick(rest, address)?.slot ?? -1;
    if (before === 2) takenOver.add(without);
    else assert.equal(without, before);
  }
  assert.equal(takenOver.size, 5, 'its clients are shared by all the others');
});

void test('ip-hash keeps addresses of one IPv6 /64 together and tells networks apart', () => {
  const balance = createBalance('ip-hash');
  const slot = balance.pick(workers(16), '2001:db8:0:5::1')?.slot;
  for (let i = 0; i < 200; i++) {
    assert.equal(balance.pick(workers(16), `2001:db8:0:5:${i.toString(16)}::${i}`)?.slot, slot);
  }
  const networks = Array.from(
    { length: 200 },
    (_, i) => balance.pick(workers(16), `2001:db8:0:${i}::1`)?.slot,
  );
  assert.equal(new Set(networks).size, 16);
});

function worker(slot: number, connectionCount = 0): Candidate {
  return { id: `w${slot}`, slot, connectionCount };
}

function workers(count: number): Candidate[] {
  return Array.from({ length: count }, (_, slot) => worker(slot));
}

function slotOf(balance: Balance, candidates: readonly Candidate[]): number | undefined {
  return balance.pick(candidates, '192.0.2.1')?.slot;
}

function slots(balance: Balance, candidates: readonly Candidate[], count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => slotOf(balance, candidates));
}

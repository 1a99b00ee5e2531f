import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BootGate } from './boot-gate.js';

const nextTurn = (): Promise<void> => new Promise(setImmediate);

/** Owners by name, and a log of those that began. */
function bench(
  maxCount: number,
  holdMs?: number,
): { gate: BootGate; log: string[]; owners: { name: string }[] } {
  const gate = new BootGate(maxCount, holdMs);
  const log: string[] = [];
  const owners = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
  for (const owner of owners) gate.enter(owner, () => log.push(owner.name));
  return { gate, log, owners };
}

test('the event loop turns between two that begin', async () => {
  const { log } = bench(10);
  for (const expected of ['a', 'ab', 'abc', 'abcd']) {
    assert.equal(log.join(''), expected);
    await nextTurn();
  }
});

test('no more than so many boot at a time, in the order in which they came', async () => {
  const { gate, log, owners } = bench(2);
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  assert.equal(log.join(''), 'ab');
  gate.leave(owners[1] ?? {});
  assert.equal(log.join(''), 'abc');
});

test('one that does not want to any more is passed over', async () => {
  const { gate, log, owners } = bench(1);
  gate.leave(owners[1] ?? {});
  await nextTurn();
  gate.leave(owners[0] ?? {});
  assert.equal(log.join(''), 'ac');
});

test('one that boots for long holds up no other', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log } = bench(1, 3000);
  await nextTurn();
  t.mock.timers.tick(3000);
  assert.equal(log.join(''), 'ab');
});

test('without a limit all begin at once', () => {
  assert.equal(bench(Infinity).log.join(''), 'abcd');
});

test('the number may be changed while some boot', async () => {
  const { gate, log, owners } = bench(1);
  await nextTurn();
  gate.setMaxCount(3);
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  assert.equal(log.join(''), 'abc');
  gate.setMaxCount(1);
  for (const owner of owners.slice(0, 2)) gate.leave(owner);
  assert.equal(log.join(''), 'abc');
  gate.leave(owners[2] ?? {});
  assert.equal(log.join(''), 'abcd');
});

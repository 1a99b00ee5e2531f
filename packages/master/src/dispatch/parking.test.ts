import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../ingress/connection.js';
import { Parking } from './parking.js';

function connection(host: string): Connection {
  return { host } as unknown as Connection;
}

test('connections leave in the order in which they came, as long as somebody takes them', () => {
  const parking = new Parking({ maxCount: 10, timeoutMs: 60_000 }, () => assert.fail('nobody was late'));
  for (const host of ['a', 'b', 'c']) assert.equal(parking.park(connection(host)), true);
  const taken: (string | null)[] = [];
  parking.release((next) => {
    if (taken.length === 2) return false;
    taken.push(next.host);
    return true;
  });
  assert.deepEqual(taken, ['a', 'b']);
  assert.equal(parking.count, 1);
  assert.deepEqual(
    parking.empty().map(({ host }) => host),
    ['c'],
  );
});

test('a full parking takes no more', () => {
  const parking = new Parking({ maxCount: 1, timeoutMs: 60_000 }, () => undefined);
  assert.equal(parking.park(connection('a')), true);
  assert.equal(parking.park(connection('b')), false);
  parking.setLimits({ maxCount: 2, timeoutMs: 60_000 });
  assert.equal(parking.park(connection('b')), true);
  parking.empty();
});

test('a connection that waits too long is given up, those behind it in their turn', async () => {
  const late: (string | null)[] = [];
  await new Promise<void>((resolve) => {
    const parking = new Parking({ maxCount: 10, timeoutMs: 20 }, ({ host }) => {
      late.push(host);
      if (late.length === 2) resolve();
    });
    parking.park(connection('a'));
    parking.park(connection('b'));
    // The timers of parking keep no process alive.
    const alive = setInterval(() => {
      if (late.length === 2) clearInterval(alive);
    }, 5);
  });
  assert.deepEqual(late, ['a', 'b']);
});

test('what waits may be given its time anew, longer or shorter', async () => {
  const late: (string | null)[] = [];
  await new Promise<void>((resolve) => {
    const parking = new Parking({ maxCount: 10, timeoutMs: 60_000 }, ({ host }) => {
      late.push(host);
      if (late.length === 2) resolve();
    });
    parking.park(connection('a'));
    parking.park(connection('b'));
    // The timers of parking keep no process alive.
    const alive = setInterval(() => {
      if (late.length === 2) clearInterval(alive);
    }, 5);
    parking.renew({ maxCount: 1, timeoutMs: 20 });
    assert.equal(parking.full, true);
  });
  assert.deepEqual(late, ['a', 'b']);
});

test('what has been dealt with leaves, the others keep their order', () => {
  const parking = new Parking({ maxCount: 10, timeoutMs: 60_000 }, () => assert.fail('nobody was late'));
  for (const host of ['a', 'b', 'c', 'd']) parking.park(connection(host));
  parking.sift(({ host }) => host === 'a' || host === 'c');
  assert.deepEqual(
    parking.empty().map(({ host }) => host),
    ['b', 'd'],
  );
});

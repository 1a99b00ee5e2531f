import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../ingress/connection.js';
import { ConnectionQueue } from './queue.js';

function connection(host: string): Connection {
  return { host } as unknown as Connection;
}

test('connections leave in the order in which they came, as long as somebody takes them', () => {
  const queue = new ConnectionQueue({ maxCount: 10, timeoutMs: 60_000 }, () =>
    assert.fail('nobody was late'),
  );
  for (const host of ['a', 'b', 'c']) assert.equal(queue.park(connection(host)), true);
  const taken: (string | null)[] = [];
  queue.release((next) => {
    if (taken.length === 2) return false;
    taken.push(next.host);
    return true;
  });
  assert.deepEqual(taken, ['a', 'b']);
  assert.equal(queue.count, 1);
  assert.deepEqual(
    queue.empty().map(({ host }) => host),
    ['c'],
  );
});

test('a full queue takes no more', () => {
  const queue = new ConnectionQueue({ maxCount: 1, timeoutMs: 60_000 }, () => undefined);
  assert.equal(queue.park(connection('a')), true);
  assert.equal(queue.park(connection('b')), false);
  queue.setLimits({ maxCount: 2, timeoutMs: 60_000 });
  assert.equal(queue.park(connection('b')), true);
  queue.empty();
});

test('a connection that waits too long is ended, those behind it in their turn', async () => {
  const late: (string | null)[] = [];
  await new Promise<void>((resolve) => {
    const queue = new ConnectionQueue({ maxCount: 10, timeoutMs: 20 }, ({ host }) => {
      late.push(host);
      if (late.length === 2) resolve();
    });
    queue.park(connection('a'));
    queue.park(connection('b'));
    // The timers of a queue keep no process alive.
    const alive = setInterval(() => {
      if (late.length === 2) clearInterval(alive);
    }, 5);
  });
  assert.deepEqual(late, ['a', 'b']);
});

test('what waits may be given its time anew, longer or shorter', async () => {
  const late: (string | null)[] = [];
  await new Promise<void>((resolve) => {
    const queue = new ConnectionQueue({ maxCount: 10, timeoutMs: 60_000 }, ({ host }) => {
      late.push(host);
      if (late.length === 2) resolve();
    });
    queue.park(connection('a'));
    queue.park(connection('b'));
    // The timers of a queue keep no process alive.
    const alive = setInterval(() => {
      if (late.length === 2) clearInterval(alive);
    }, 5);
    queue.renew({ maxCount: 1, timeoutMs: 20 });
    assert.equal(queue.full, true);
  });
  assert.deepEqual(late, ['a', 'b']);
});

test('what has been dealt with leaves, the others keep their order', () => {
  const queue = new ConnectionQueue({ maxCount: 10, timeoutMs: 60_000 }, () =>
    assert.fail('nobody was late'),
  );
  for (const host of ['a', 'b', 'c', 'd']) queue.park(connection(host));
  queue.sift(({ host }) => host === 'a' || host === 'c');
  assert.deepEqual(
    queue.empty().map(({ host }) => host),
    ['b', 'd'],
  );
});

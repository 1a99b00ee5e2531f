import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { NativeHandle, PeerStanding } from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';
import { ConnectionQueue } from './queue.js';

function connection(host: string): Connection {
  return { host, handle: { fd: -1, host } } as unknown as Connection;
}

function fail(): void {
  assert.fail('nobody was late, and nobody left');
}

interface Watched {
  queue: ConnectionQueue;
  standings: Record<string, PeerStanding>;
  left: (string | null)[];
  /** Lets time pass, and looks. */
  pass(ms: number): void;
}

/** A queue whose clients stand as a test says, at a time that it says. */
function watched(t: TestContext, maxCount = 10): Watched {
  let nowMs = 0;
  const now = mock.method(performance, 'now', () => nowMs);
  t.after(() => now.mock.restore());
  const standings: Record<string, PeerStanding> = {};
  const left: (string | null)[] = [];
  const queue = new ConnectionQueue(
    { maxCount, timeoutMs: 60_000 },
    { onTimeout: fail, onLeft: ({ host }) => left.push(host) },
    (handles: readonly NativeHandle[]) =>
      handles.map((handle) => standings[String(Reflect.get(handle, 'host'))] ?? 'there'),
  );
  t.after(() => queue.empty());
  const pass = (ms: number): void => {
    nowMs += ms;
    queue.dropLeft();
  };
  return { queue, standings, left, pass };
}

test('a client that leaves while it waits is dropped; one that said at once that it sends no more waits on', (t) => {
  const { queue, standings, left, pass } = watched(t);
  standings['half'] = 'finished';
  for (const host of ['half', 'leaves', 'stays', 'resets']) queue.park(connection(host));
  standings['resets'] = 'gone';
  pass(1);
  assert.deepEqual(left.splice(0), ['resets']);
  pass(30);
  standings['leaves'] = 'finished';
  pass(1);
  assert.deepEqual([left.splice(0), queue.count], [['leaves'], 2]);
  standings['half'] = 'gone';
  pass(1);
  assert.deepEqual(left, ['half']);
  assert.deepEqual(
    queue.empty().map(({ host }) => host),
    ['stays'],
  );
});

test('whether a client has left is looked at by itself, before one is refused, and before what waits is given', async (t) => {
  const { queue, standings, left } = watched(t, 1);
  queue.park(connection('a'));
  standings['a'] = 'gone';
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  while (left.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  standings['b'] = 'gone';
  queue.park(connection('b'));
  assert.equal(queue.park(connection('c')), true);
  standings['c'] = 'gone';
  queue.release(() => assert.fail('it has left'));
  assert.deepEqual(left, ['a', 'b', 'c']);
});

test('connections leave in the order in which they came, as long as somebody takes them', () => {
  const queue = new ConnectionQueue({ maxCount: 10, timeoutMs: 60_000 }, { onTimeout: fail, onLeft: fail });
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
  const queue = new ConnectionQueue({ maxCount: 1, timeoutMs: 60_000 }, { onTimeout: fail, onLeft: fail });
  assert.equal(queue.park(connection('a')), true);
  assert.equal(queue.park(connection('b')), false);
  queue.setLimits({ maxCount: 2, timeoutMs: 60_000 });
  assert.equal(queue.park(connection('b')), true);
  queue.empty();
});

test('a connection that waits too long is ended, those behind it in their turn', async () => {
  const late: (string | null)[] = [];
  await new Promise<void>((resolve) => {
    const queue = new ConnectionQueue(
      { maxCount: 10, timeoutMs: 20 },
      {
        onTimeout: ({ host }) => {
          late.push(host);
          if (late.length === 2) resolve();
        },
        onLeft: fail,
      },
    );
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
    const queue = new ConnectionQueue(
      { maxCount: 10, timeoutMs: 60_000 },
      {
        onTimeout: ({ host }) => {
          late.push(host);
          if (late.length === 2) resolve();
        },
        onLeft: fail,
      },
    );
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
  const queue = new ConnectionQueue({ maxCount: 10, timeoutMs: 60_000 }, { onTimeout: fail, onLeft: fail });
  for (const host of ['a', 'b', 'c', 'd']) queue.park(connection(host));
  queue.sift(({ host }) => host === 'a' || host === 'c');
  assert.deepEqual(
    queue.empty().map(({ host }) => host),
    ['b', 'd'],
  );
});

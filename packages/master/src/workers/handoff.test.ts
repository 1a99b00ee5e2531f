import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { CONFIRM_EACH_COUNT } from '@vhostd/transport';
import type { FrameKind, Link, NativeHandle, Offers } from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';
import { Handoff } from './handoff.js';

/** A link that remembers what was sent, and refuses when it is told to. */
class Wire {
  readonly sent: Buffer[] = [];
  open = true;
  full = false;
  send(_kind: FrameKind, payload: string): boolean {
    if (this.full) return false;
    this.sent.push(Buffer.from(payload, 'latin1'));
    return true;
  }
  get link(): Link {
    return this as unknown as Link;
  }
}

function connection(): { connection: Connection; closed: () => number } {
  let closed = 0;
  const handle = {
    fd: -1,
    close: () => {
      closed += 1;
    },
  } as unknown as NativeHandle;
  return {
    connection: {
      handle,
      head: 'GET',
      secure: false,
      listener: { key: 'any' },
      host: null,
    } as unknown as Connection,
    closed: () => closed,
  };
}

function confirmation(upTo: number, count: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(upTo, 0);
  payload.writeUInt32BE(count, 4);
  return payload;
}

test('the handle is kept until the worker confirms it, and a confirmation covers all before it', () => {
  const handoff = new Handoff(new Wire().link);
  const given = Array.from({ length: 3 }, () => connection());
  for (const { connection: next } of given) assert.equal(handoff.give(next), true);
  assert.deepEqual([handoff.gaveOf('any'), handoff.gaveOf('other')], [true, false]);
  assert.equal(handoff.connectionCount, 3);
  assert.deepEqual(handoff.onAccepted(confirmation(2, 2)), { kind: 'ok', acceptedCount: 2, directCount: 0 });
  assert.deepEqual(
    given.map(({ closed }) => closed()),
    [1, 1, 0],
  );
  assert.equal(handoff.connectionCount, 3);
  assert.equal(handoff.pendingCount, 1);
});

test('what a dead worker never confirmed comes back, in order and open', () => {
  const handoff = new Handoff(new Wire().link);
  const given = Array.from({ length: 3 }, () => connection());
  for (const { connection: next } of given) handoff.give(next);
  handoff.onAccepted(confirmation(1, 1));
  assert.deepEqual(handoff.takeBack(), {
    connections: given.slice(1).map(({ connection: next }) => next),
    acceptedCount: 0,
  });
  assert.deepEqual(
    given.map(({ closed }) => closed()),
    [1, 0, 0],
  );
});

test('a worker cannot confirm what it was not given', () => {
  const handoff = new Handoff(new Wire().link);
  handoff.give(connection().connection);
  assert.equal(handoff.onAccepted(confirmation(2, 1)).kind, 'violation');
  assert.equal(handoff.onAccepted(Buffer.alloc(3)).kind, 'violation');
  assert.equal(handoff.pendingCount, 1);
});

test('an old confirmation says nothing but how many connections are open', () => {
  const handoff = new Handoff(new Wire().link);
  handoff.give(connection().connection);
  handoff.onAccepted(confirmation(1, 1));
  assert.deepEqual(handoff.onAccepted(confirmation(1, 0)), { kind: 'ok', acceptedCount: 0, directCount: 0 });
  assert.equal(handoff.connectionCount, 0);
});

test('a connection that arrived without its descriptor is no longer the worker’s', () => {
  const handoff = new Handoff(new Wire().link);
  const given = Array.from({ length: 3 }, () => connection());
  for (const { connection: next } of given) handoff.give(next);
  const lost = Buffer.alloc(4);
  lost.writeUInt32BE(2);
  assert.deepEqual(handoff.onLost(lost), [given[1]?.connection]);
  assert.deepEqual(handoff.onLost(lost), []);
  assert.deepEqual(handoff.onAccepted(confirmation(3, 2)), { kind: 'ok', acceptedCount: 2, directCount: 0 });
  assert.deepEqual(
    given.map(({ closed }) => closed()),
    [1, 0, 1],
  );
});

test('a link that takes nothing leaves the connection with its owner', () => {
  const wire = new Wire();
  const handoff = new Handoff(wire.link);
  wire.full = true;
  const refused = connection();
  assert.equal(handoff.give(refused.connection), false);
  assert.equal(handoff.connectionCount, 0);
  assert.equal(refused.closed(), 0);
  wire.full = false;
  wire.open = false;
  assert.equal(handoff.give(refused.connection), false);
});

/** Numbers in no FIFO. */
class Numbers {
  offered: number[] = [];
  full = false;
  offer(number: number): boolean {
    if (!this.full) this.offered.push(number);
    return !this.full;
  }
  takeBack(): Set<number> {
    return new Set(this.offered.splice(0));
  }
  get offers(): Offers {
    return this as unknown as Offers;
  }
}

test('what a worker has not claimed is taken back, in order; the rest is still its own', () => {
  const numbers = new Numbers();
  const handoff = new Handoff(new Wire().link, numbers.offers);
  const given = Array.from({ length: 4 }, () => connection());
  for (const { connection: next } of given) handoff.give(next);
  assert.deepEqual(numbers.offered.splice(0, 2), [1, 2]);
  assert.deepEqual(
    handoff.retract(),
    given.slice(2).map(({ connection: next }) => next),
  );
  assert.equal(handoff.pendingCount, 2);
  assert.deepEqual(handoff.retract(), []);
  // It has not claimed that one, so it cannot have it.
  assert.equal(handoff.onAccepted(confirmation(3, 3)).kind, 'violation');
  assert.deepEqual(handoff.onAccepted(confirmation(2, 2)), { kind: 'ok', acceptedCount: 2, directCount: 0 });
});

test('a dead worker had what it claimed, whether it confirmed it or not; the rest comes back', () => {
  const numbers = new Numbers();
  const handoff = new Handoff(new Wire().link, numbers.offers);
  const given = Array.from({ length: 4 }, () => connection());
  for (const { connection: next } of given) handoff.give(next);
  numbers.offered.splice(0, 3);
  handoff.onAccepted(confirmation(1, 1));
  assert.deepEqual(handoff.takeBack(), { connections: [given[3]?.connection], acceptedCount: 2 });
  assert.deepEqual(
    given.map(({ closed }) => closed()),
    [1, 1, 1, 0],
  );
});

test('numbers that were never given, or that came back before, take nothing back', () => {
  const numbers = new Numbers();
  const handoff = new Handoff(new Wire().link, numbers.offers);
  handoff.give(connection().connection);
  numbers.offered = [7, 0xffff_ffff];
  assert.deepEqual(handoff.retract(), []);
  numbers.offered = [1, 1];
  assert.equal(handoff.retract().length, 1);
});

test('a connection that cannot be offered, or not be sent, stays with its owner; its number is not used again', () => {
  const numbers = new Numbers();
  const wire = new Wire();
  const handoff = new Handoff(wire.link, numbers.offers);
  numbers.full = true;
  assert.equal(handoff.give(connection().connection), false);
  numbers.full = false;
  wire.full = true;
  assert.equal(handoff.give(connection().connection), false);
  wire.full = false;
  assert.equal(handoff.give(connection().connection), true);
  assert.deepEqual(numbers.offered, [1, 2]);
  assert.equal(handoff.pendingCount, 1);
});

test('a late worker is announced to its owner while it is late', async () => {
  let toldCount = 0;
  const handoff: Handoff = new Handoff(new Wire().link, new Numbers().offers, () => {
    toldCount += 1;
    assert.equal(handoff.late, true);
  });
  handoff.give(connection().connection);
  while (toldCount < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(handoff.retract().length, 1);
});

test('a worker is late while its oldest connection has waited for a while, and no longer once it confirms', (t) => {
  let nowMs = 1000;
  const now = mock.method(performance, 'now', () => nowMs);
  t.after(() => now.mock.restore());
  const handoff = new Handoff(new Wire().link);
  assert.equal(handoff.late, false);
  handoff.give(connection().connection);
  nowMs += 50;
  handoff.give(connection().connection);
  assert.equal(handoff.late, false);
  nowMs += 1;
  assert.equal(handoff.late, true);
  handoff.onAccepted(confirmation(1, 1));
  assert.equal(handoff.late, false);
  nowMs += 50;
  assert.equal(handoff.late, true);
  handoff.takeBack();
  assert.equal(handoff.late, false);
});

test('a confirmation is waited for until it is clear that the worker is stuck', (t) => {
  let nowMs = 1000;
  const now = mock.method(performance, 'now', () => nowMs);
  t.after(() => now.mock.restore());
  const handoff = new Handoff(new Wire().link);
  handoff.give(connection().connection);
  nowMs += 6000;
  handoff.give(connection().connection);
  assert.equal(handoff.awaitedCount, 2);
  nowMs += 4000;
  assert.deepEqual([handoff.awaitedCount, handoff.pendingCount], [1, 2]);
  handoff.onAccepted(confirmation(2, 2));
  assert.equal(handoff.awaitedCount, 0);
});

test('a worker is ahead while it has confirmed none of as many as it begins with in a moment', () => {
  const handoff = new Handoff(new Wire().link);
  let given = 0;
  while (!handoff.ahead) {
    handoff.give(connection().connection);
    given += 1;
  }
  assert.equal(given, 2 * CONFIRM_EACH_COUNT);
  handoff.onAccepted(confirmation(1, 1));
  assert.equal(handoff.ahead, false);
});

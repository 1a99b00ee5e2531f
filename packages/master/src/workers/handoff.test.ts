import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { CONFIRM_EACH_COUNT, decodeConnection } from '@vhostd/transport';
import type { BatchSender, FrameKind, Link, NativeHandle, Offers } from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';
import { Handoff } from './handoff.js';

/** A link that remembers what was sent, and refuses when it is told to. */
class Wire {
  readonly sent: Buffer[] = [];
  batches: BatchSender | undefined;
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

/** Batches that remember what they were given, of which some is not sent yet. */
class Batched {
  active = false;
  readonly payloads: Buffer[] = [];
  readonly unsent = new Set<number>();
  readonly forgotten: number[] = [];
  left: number[] = [];
  get hasUnsent(): boolean {
    return this.unsent.size > 0;
  }
  isUnsent(number: number): boolean {
    return this.unsent.has(number);
  }
  send(_number: number, payload: string): boolean {
    this.payloads.push(Buffer.from(payload, 'latin1'));
    return true;
  }
  forget(numbers: ReadonlySet<number>): void {
    this.forgotten.push(...numbers);
  }
  takeBack(): Set<number> {
    return new Set(this.left.splice(0));
  }
  get sender(): BatchSender {
    return this as unknown as BatchSender;
  }
}

function batching(): { handoff: Handoff; wire: Wire; numbers: Numbers; batched: Batched } {
  const wire = new Wire();
  const batched = new Batched();
  wire.batches = batched.sender;
  const numbers = new Numbers();
  return { handoff: new Handoff(wire.link, numbers.offers), wire, numbers, batched };
}

function unread(): Connection {
  return Object.assign(connection().connection, { unread: true });
}

test('once a worker takes batches, connections go in them: without the head where that was only looked at', () => {
  const { handoff, wire, numbers, batched } = batching();
  handoff.give(connection().connection);
  batched.active = true;
  handoff.give(unread());
  handoff.give(connection().connection);
  assert.deepEqual([wire.sent.length, numbers.offered], [1, [1]]);
  const carried = batched.payloads.map((payload) => decodeConnection(payload));
  assert.deepEqual(
    carried.map((each) => [each?.number, each?.bytes.toString(), each?.header.peeked]),
    [
      [2, '', true],
      [3, 'GET', true],
    ],
  );
});

test('a worker that takes no batches gets the head along, which is read then', () => {
  const { handoff, wire } = batching();
  const given = unread();
  handoff.give(given);
  assert.equal(given.unread, false);
  assert.equal(decodeConnection(wire.sent[0] ?? Buffer.alloc(0))?.bytes.toString(), 'GET');
});

test('what a worker has taken neither from the pipe nor from batches is taken back together, in order', () => {
  const { handoff, numbers, batched } = batching();
  const given = Array.from({ length: 4 }, () => connection().connection);
  given.slice(0, 2).forEach((each) => handoff.give(each));
  batched.active = true;
  given.slice(2).forEach((each) => handoff.give(each));
  numbers.offered = [2];
  batched.left = [4, 3];
  assert.deepEqual(handoff.retract(), given.slice(1));
});

test('a worker can neither confirm nor have lost what it was not sent yet', () => {
  const { handoff, batched } = batching();
  batched.active = true;
  const given = Array.from({ length: 3 }, () => connection().connection);
  given.forEach((each) => handoff.give(each));
  batched.unsent.add(2).add(3);
  assert.equal(handoff.onAccepted(confirmation(1, 1)).kind, 'ok');
  assert.equal(handoff.onAccepted(confirmation(3, 3)).kind, 'violation');
  const lost = Buffer.alloc(4);
  lost.writeUInt32BE(2);
  assert.deepEqual(handoff.onLost(lost), [given[1]]);
  assert.deepEqual(batched.forgotten, [2]);
});

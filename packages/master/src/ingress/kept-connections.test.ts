import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Connection, Ingress } from './connection.js';
import { KeptConnections } from './kept-connections.js';

/** A handle that its test reads for. */
class FakeHandle {
  bytesRead = 0;
  reading = false;
  closed = false;
  onread: (chunk: ArrayBuffer | undefined) => void = () => undefined;

  readStart(): number {
    this.reading = true;
    return 0;
  }

  readStop(): void {
    this.reading = false;
  }

  close(): void {
    this.closed = true;
  }

  say(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.bytesRead += bytes.length;
    this.onread(bytes.buffer);
  }
}

class Bench {
  readonly come: string[] = [];
  readonly less: Ingress[] = [];
  readonly kept = new KeptConnections({
    onBytes: ({ head }) => void this.come.push(head),
    onLess: (ingress) => void this.less.push(ingress),
  });

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
  }

  keep(ingress: Ingress, limitMs = Infinity): FakeHandle {
    const handle = new FakeHandle();
    const idle = { handle, head: '', host: 'a.test', secure: false, handedBack: true };
    this.kept.keep(
      { ...idle, listener: { key: 'l', secure: false } } as unknown as Connection,
      ingress,
      limitMs,
    );
    return handle;
  }
}

function site(): Ingress {
  return {} as Ingress;
}

test('the next byte of one brings it back, and nothing more is read from it', async (t) => {
  const bench = new Bench(t);
  const a = site();
  const [first, second] = [bench.keep(a), bench.keep(a)];
  assert.deepEqual([bench.kept.countOf(a), first.reading], [2, true]);
  first.say('GE');
  assert.deepEqual([first.reading, bench.come], [false, []]);
  await Promise.resolve();
  assert.deepEqual([bench.come, bench.kept.countOf(a), second.reading], [['GE'], 1, true]);
});

test('one whose client leaves, or whose time is over, is closed, and its site is told', (t) => {
  const bench = new Bench(t);
  const a = site();
  const [left, late, longest] = [bench.keep(a), bench.keep(a, 100), bench.keep(a, 2 ** 40)];
  left.onread(undefined);
  t.mock.timers.tick(99);
  assert.deepEqual([left.closed, late.closed], [true, false]);
  t.mock.timers.tick(1);
  assert.deepEqual([late.closed, longest.closed, bench.less], [true, false, [a, a]]);
});

test('when a site has gone its next requests are for others, for a while', async (t) => {
  const bench = new Bench(t);
  const [a, b] = [site(), site()];
  const [asks, silent, other] = [bench.keep(a), bench.keep(a), bench.keep(b)];
  bench.kept.leave(a, 100);
  asks.say('GE');
  await Promise.resolve();
  assert.deepEqual([bench.come, asks.closed], [['GE'], false]);
  t.mock.timers.tick(100);
  assert.deepEqual([silent.closed, other.closed, bench.kept.countOf(a)], [true, false, 0]);
});

test('those of a site are taken out unread, and the oldest of all is ended for want of room', (t) => {
  const bench = new Bench(t);
  const [a, b] = [site(), site()];
  const [ofA, first, second] = [bench.keep(a), bench.keep(b), bench.keep(b)];
  assert.equal(bench.kept.takeOf(a).length, 1);
  assert.deepEqual([ofA.reading, ofA.closed, bench.kept.countOf(a)], [false, false, 0]);
  assert.equal(bench.kept.endOldest(), true);
  assert.deepEqual([first.closed, second.closed], [true, false]);
  bench.kept.endOldest();
  assert.equal(bench.kept.endOldest(), false);
});

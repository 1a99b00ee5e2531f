import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { BootGate } from './boot-gate.js';
import { FakeSpare } from './fake-spawner.test.kit.js';
import { SparePool } from './spare-pool.js';

const turn = (): Promise<void> => new Promise(setImmediate);

/** A pool of two sites, and time that passes when it is told to. */
class Bench {
  readonly gate: BootGate;
  readonly started: FakeSpare[] = [];
  readonly failed: string[] = [];
  failure: Error | undefined;
  /** What changes although the order does not. */
  place = '';
  readonly pool: SparePool<string, FakeSpare>;
  readonly #t: TestContext;

  constructor(t: TestContext, maxCount = Infinity) {
    this.#t = t;
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.gate = new BootGate(maxCount);
    this.pool = new SparePool({
      boots: this.gate,
      keyOf: (order) => `${order}${this.place}`,
      start: () => {
        if (this.failure !== undefined) throw this.failure;
        const spare = new FakeSpare(this.started.length + 1);
        this.started.push(spare);
        return spare;
      },
      onFailed: (siteId, pid, reason) => void this.failed.push(`${siteId} ${pid} ${reason}`),
    });
  }

  keep(count: number, key = 'k', siteId = 'a'): void {
    this.pool.keep({ siteId, order: key, count });
  }

  async after(ms: number): Promise<void> {
    await turn();
    this.#t.mock.timers.tick(ms);
    await turn();
  }

  get living(): number[] {
    return this.started.filter(({ ended }) => !ended).map(({ pid }) => pid);
  }
}

test('a site gets as many as it wants, one in a second', async (t) => {
  const bench = new Bench(t);
  bench.keep(3);
  await turn();
  const counts = [bench.started.length];
  for (const ms of [999, 1, 1000, 1000]) {
    await bench.after(ms);
    counts.push(bench.started.length);
  }
  assert.deepEqual(counts, [1, 1, 2, 3, 3]);
  assert.equal(bench.pool.countOf('a'), 3);
});

test('none is started while a worker boots or wants to', async (t) => {
  const bench = new Bench(t, 1);
  const [first, second] = [{}, {}];
  bench.gate.enter(first, () => undefined);
  bench.gate.enter(second, () => undefined);
  bench.keep(1);
  await turn();
  bench.gate.leave(first);
  await turn();
  assert.equal(bench.started.length, 0);
  bench.gate.leave(second);
  await turn();
  assert.equal(bench.started.length, 1);
});

test('a worker does not wait for one that boots', async (t) => {
  const bench = new Bench(t, 1);
  bench.keep(2);
  await turn();
  let began = false;
  bench.gate.enter({}, () => (began = true));
  assert.deepEqual([bench.started.length, began], [1, true]);
});

test('the one that has waited longest is taken, and another one follows when that is asked for', async (t) => {
  const bench = new Bench(t);
  bench.keep(2);
  await bench.after(1000);
  assert.equal(bench.pool.take('a', 'k')?.pid, 1);
  await bench.after(5000);
  assert.equal(bench.pool.countOf('a'), 1);
  bench.keep(2);
  await bench.after(0);
  assert.equal(bench.pool.countOf('a'), 2);
  bench.started[0]?.fail('a worker that ends is no spare');
  assert.deepEqual([bench.pool.countOf('a'), bench.failed], [2, []]);
});

test('none that was started for another key is given; those end when others are wanted', async (t) => {
  const bench = new Bench(t);
  bench.keep(1, 'old');
  await turn();
  assert.equal(bench.pool.take('a', 'new'), undefined);
  assert.equal(bench.pool.take('b', 'old'), undefined);
  assert.deepEqual(bench.living, [1]);
  bench.keep(1, 'new');
  await bench.after(1000);
  assert.deepEqual(bench.living, [2]);
  assert.equal(bench.pool.take('a', 'new')?.pid, 2);
});

test('what one is started for is looked at when it is wanted, started and taken', async (t) => {
  const bench = new Bench(t);
  bench.keep(2);
  await turn();
  bench.place = ' moved';
  assert.equal(bench.pool.take('a', 'k'), undefined, 'it is of the place before');
  await bench.after(1000);
  assert.deepEqual(bench.living, [2], 'started in the new place, where nobody has use for the one before');
  bench.place = '';
  assert.equal(bench.pool.take('a', 'k'), undefined, 'it is of the place between');
  bench.keep(1);
  await bench.after(1000);
  assert.deepEqual(bench.living, [3]);
  assert.equal(bench.pool.take('a', 'k')?.pid, 3);
});

test('a surplus ends, and all of them with the site', async (t) => {
  const bench = new Bench(t);
  bench.keep(3);
  for (let count = 0; count < 3; count += 1) await bench.after(1000);
  bench.keep(1);
  assert.deepEqual(bench.living, [1]);
  bench.keep(4);
  bench.pool.end('a');
  await bench.after(5000);
  assert.deepEqual([bench.living, bench.started.length], [[], 3]);
});

test('one that ends unused is told, and replaced each time a little later', async (t) => {
  const bench = new Bench(t);
  bench.keep(1);
  await turn();
  for (const [index, waitMs] of [1000, 2000, 4000].entries()) {
    bench.started.at(-1)?.fail('exited');
    await bench.after(waitMs - 1);
    // What else happens to the site brings none sooner.
    bench.keep(1);
    await bench.after(0);
    assert.equal(bench.started.length, index + 1, `not before ${waitMs} ms`);
    await bench.after(1);
    assert.equal(bench.started.length, index + 2, `after ${waitMs} ms`);
  }
  assert.deepEqual(bench.failed, ['a 1 exited', 'a 2 exited', 'a 3 exited']);
});

test('where none can be started it is told and tried again', async (t) => {
  const bench = new Bench(t);
  bench.failure = new Error('EAGAIN');
  bench.keep(1);
  await turn();
  assert.deepEqual(bench.failed, ['a undefined EAGAIN']);
  bench.failure = undefined;
  await bench.after(1000);
  assert.deepEqual(bench.living, [1]);
});

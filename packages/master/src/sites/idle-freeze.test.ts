import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ToldQuiet } from '../workers/quiet.js';
import { IdleFreeze } from './idle-freeze.js';
import type { FreezableWorker, FreezeWatched } from './idle-freeze.js';

/** A worker that says what its test says. */
class FakeWorker implements FreezableWorker {
  connectionCount = 0;
  told: ToldQuiet | undefined = { quietMs: 1e9, keepAliveMs: 5 };
  left: number | undefined = 0;
  beforeStill: () => void = () => undefined;
  wentOnCount = 0;

  quiet(): Promise<ToldQuiet | undefined> {
    return Promise.resolve(this.told);
  }

  standStill(): Promise<number | undefined> {
    this.beforeStill();
    return Promise.resolve(this.left);
  }

  goOn(): void {
    this.wentOnCount += 1;
  }
}

class Bench implements FreezeWatched {
  freezable = true;
  frozenCount = 0;
  collectCount = 0;
  readonly workers: FakeWorker[] = [new FakeWorker(), new FakeWorker()];
  readonly freeze: IdleFreeze;
  readonly #t: TestContext;

  constructor(t: TestContext, limitMs: number | undefined) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#t = t;
    this.freeze = new IdleFreeze(limitMs, this);
    this.freeze.look();
  }

  freezers(): readonly FreezableWorker[] {
    return this.workers;
  }

  onCollect(): Promise<void> {
    this.collectCount += 1;
    return Promise.resolve();
  }

  onCollected(): void {
    this.freeze.look();
  }

  onFreezeLimit(): void {
    this.frozenCount += 1;
    this.freezable = false;
    this.freeze.look();
  }

  /** How often it has been frozen when so many ms have passed. */
  async after(ms: number): Promise<number> {
    this.#t.mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    return this.frozenCount;
  }

  get first(): FakeWorker {
    return this.workers[0] ?? assert.fail();
  }
}

test('a site is frozen at its limit when all its workers have been quiet for so long', async (t) => {
  const bench = new Bench(t, 10);
  assert.deepEqual([await bench.after(9), await bench.after(1), await bench.after(1000)], [0, 1, 1]);
  assert.deepEqual(
    bench.workers.map(({ wentOnCount }) => wentOnCount),
    [0, 0],
  );
});

test('where one has been quiet for a shorter time, the rest of that is waited for', async (t) => {
  const bench = new Bench(t, 100);
  bench.first.told = { quietMs: 70, keepAliveMs: 0 };
  assert.equal(await bench.after(100), 0);
  assert.equal(bench.collectCount, 0);
  bench.first.told = { quietMs: 100, keepAliveMs: Infinity };
  assert.deepEqual([await bench.after(29), await bench.after(1)], [0, 1]);
  assert.equal(bench.freeze.keepAliveMs, 5);
});

test('one that says nothing, or has a connection left, is not frozen, and is asked again at the limit', async (t) => {
  const bench = new Bench(t, 10);
  bench.first.told = undefined;
  assert.equal(await bench.after(10), 0);
  bench.first.told = { quietMs: 1e9, keepAliveMs: 0 };
  bench.first.left = 1;
  assert.equal(await bench.after(10), 0);
  bench.first.left = undefined;
  assert.equal(await bench.after(10), 0);
  assert.deepEqual([bench.collectCount, bench.first.wentOnCount, bench.freeze.collecting], [2, 2, false]);
  bench.first.left = 0;
  assert.equal(await bench.after(10), 1);
});

test('a connection that a worker is given in the moment of freezing keeps all of them going', async (t) => {
  const bench = new Bench(t, 10);
  bench.first.beforeStill = () => {
    bench.first.connectionCount = 1;
  };
  assert.equal(await bench.after(10), 0);
  assert.deepEqual(
    bench.workers.map(({ wentOnCount }) => wentOnCount),
    [1, 1],
  );
});

test('a worker that is always about to have been quiet for long enough is not asked again and again', async (t) => {
  const bench = new Bench(t, 10_000);
  bench.first.told = { quietMs: 9999, keepAliveMs: 0 };
  await bench.after(10_000);
  let askedCount = 0;
  bench.first.quiet = () => {
    askedCount += 1;
    return Promise.resolve(bench.first.told);
  };
  for (let ms = 0; ms < 1000; ms += 10) await bench.after(10);
  assert.equal(askedCount, 5);
});

test('what comes for its workers gives a try up at any moment, and its time begins anew', async (t) => {
  const bench = new Bench(t, 10);
  bench.first.beforeStill = () => {
    bench.freeze.cancel();
    bench.freeze.look();
  };
  assert.equal(await bench.after(10), 0);
  assert.equal(bench.first.wentOnCount, 1);
  bench.first.beforeStill = () => undefined;
  assert.deepEqual([await bench.after(9), await bench.after(1)], [0, 1]);
});

test('one that may not be frozen, has no limit or has been ended is never asked', async (t) => {
  const bench = new Bench(t, undefined);
  assert.equal(await bench.after(1000), 0);
  bench.freezable = false;
  bench.freeze.setLimit(10);
  assert.equal(await bench.after(1000), 0);
  bench.freezable = true;
  bench.freeze.look();
  bench.freeze.end();
  bench.freeze.look();
  assert.deepEqual([await bench.after(1000), bench.collectCount], [0, 0]);
});

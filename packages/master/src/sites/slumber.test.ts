import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { idleStopOf, Slumber } from './slumber.js';

/** A site made of a mark that says whether it is idle. */
class Bench {
  idle = true;
  asleepCount = 0;
  readonly slumber: Slumber;
  #wake: (() => void) | undefined;

  constructor(t: TestContext, limitMs: number | undefined) {
    // The timer of a site keeps no process alive.
    const alive = setInterval(() => undefined, 1000);
    t.after(() => clearInterval(alive));
    this.slumber = new Slumber(limitMs, {
      idle: () => this.idle,
      onAsleep: () => {
        this.asleepCount += 1;
        this.#wake?.();
      },
    });
  }

  async untilAsleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a site that stays idle falls asleep once, and again after it was woken', async (t) => {
  const bench = new Bench(t, 10);
  for (const count of [1, 2]) {
    bench.slumber.look();
    await bench.untilAsleep();
    assert.deepEqual([bench.asleepCount, bench.slumber.asleep], [count, true]);
    bench.slumber.look();
    assert.deepEqual(
      [bench.slumber.wake(), bench.slumber.wake(), bench.slumber.asleep],
      [true, false, false],
    );
  }
});

test('its time begins anew whenever somebody is connected', async (t) => {
  const bench = new Bench(t, 60);
  for (let count = 0; count < 5; count += 1) {
    bench.slumber.look();
    await wait(20);
    bench.idle = false;
    bench.slumber.look();
    bench.idle = true;
  }
  assert.equal(bench.asleepCount, 0);
  const startedMs = performance.now();
  bench.slumber.look();
  await bench.untilAsleep();
  assert.ok(performance.now() - startedMs > 50);
});

test('it stays awake when somebody is connected at the last moment, though nobody told', async (t) => {
  const bench = new Bench(t, 10);
  bench.slumber.look();
  bench.idle = false;
  await wait(50);
  assert.equal(bench.asleepCount, 0);
});

test('without a limit it never sleeps, and a limit that comes later counts from then on', async (t) => {
  const bench = new Bench(t, undefined);
  bench.slumber.look();
  await wait(30);
  assert.equal(bench.asleepCount, 0);
  bench.slumber.setLimit(10);
  await bench.untilAsleep();
  assert.equal(bench.asleepCount, 1);
});

test('a site for which the conf wants no workers has a limit of its own', () => {
  assert.equal(idleStopOf({ cpuLen: 0 }), 600_000);
  assert.equal(idleStopOf({ cpuLen: 0, idleStopMs: 5 }), 5);
  assert.equal(idleStopOf({ cpuLen: 2, idleStopMs: 5 }), 5);
  assert.equal(idleStopOf({ cpuLen: 2 }), undefined);
  assert.equal(idleStopOf({}), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstBoot } from './first-boot.js';
import type { Standing } from './first-boot.js';

const BOOM = { code: 'ERR_WORKER_FAILED', message: 'boom' };

/** A first boot that depends on sites which the test moves. */
class Bench {
  readonly standings = new Map<string, Omit<Standing, 'siteId'>>();
  readonly boot: FirstBoot;
  startCount = 0;

  constructor(...siteIds: string[]) {
    for (const siteId of siteIds) this.standings.set(siteId, { published: false });
    this.boot = new FirstBoot({
      dependencies: () => [...this.standings].map(([siteId, standing]) => ({ siteId, ...standing })),
      start: () => {
        this.startCount += 1;
      },
    });
  }

  set(siteId: string, standing: Omit<Standing, 'siteId'>): void {
    this.standings.set(siteId, standing);
    this.boot.look();
  }
}

/** What a promise has resolved with by now, or `pending`. */
async function now(promise: Promise<unknown>): Promise<unknown> {
  return await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, 'pending'))]);
}

test('without dependencies it starts at once, and ends with the first success', async () => {
  const { boot, ...bench } = new Bench();
  const outcome = boot.begin();
  assert.deepEqual([boot.started, boot.waiting, bench.startCount], [true, false, 0]);
  assert.equal(await now(outcome), 'pending');
  boot.succeed();
  assert.equal(await outcome, undefined);
});

test('a success behind a failure that has been told is what is told from then on', async () => {
  const { boot } = new Bench();
  const outcome = boot.begin();
  boot.fail(BOOM);
  assert.deepEqual(await outcome, BOOM);
  boot.succeed();
  assert.deepEqual([await boot.outcome, boot.failure, boot.open], [undefined, undefined, false]);
});

test('it waits until all that it depends on is published at the same time', async () => {
  const bench = new Bench('a', 'b');
  const outcome = bench.boot.begin();
  bench.set('a', { published: true });
  assert.deepEqual(bench.boot.waitsFor(), ['b']);
  bench.set('a', { published: false });
  bench.set('b', { published: true });
  assert.deepEqual([bench.boot.waiting, bench.boot.waitsFor(), bench.startCount], [true, ['a'], 0]);
  bench.set('a', { published: true });
  bench.boot.look();
  assert.deepEqual([bench.boot.waiting, bench.boot.waitsFor(), bench.startCount], [false, [], 1]);
  bench.boot.succeed();
  assert.equal(await outcome, undefined);
});

test('a dependency that has failed is told of, and waited for all the same', async () => {
  const bench = new Bench('a');
  const outcome = bench.boot.begin();
  bench.set('a', { published: false, failure: BOOM });
  const failure = { code: 'ERR_SITE_WAITS', message: 'it waits for site a, which has failed: boom' };
  assert.deepEqual(await outcome, failure);
  assert.deepEqual(bench.boot.failure, failure);
  // Tried again: no failure any more.
  bench.set('a', { published: false });
  assert.equal(bench.boot.failure, undefined);
  const again = bench.boot.begin();
  assert.equal(await now(again), 'pending');
  bench.set('a', { published: true });
  bench.boot.succeed();
  assert.deepEqual([await again, bench.startCount], [undefined, 1]);
});

test('who asks behind a told failure, once it has started, hears of the start', async () => {
  const bench = new Bench('a');
  const told = bench.boot.begin();
  bench.set('a', { published: false, failure: BOOM });
  bench.set('a', { published: true });
  const { outcome } = bench.boot;
  assert.equal((await told)?.code, 'ERR_SITE_WAITS');
  assert.equal(await now(outcome), 'pending');
  bench.boot.succeed();
  assert.equal(await outcome, undefined);
});

test('failed starts are told at the third, a slow one at once', async () => {
  const quick = new Bench();
  const outcome = quick.boot.begin();
  quick.boot.onFailedStart(BOOM, false);
  quick.boot.onFailedStart(BOOM, false);
  assert.equal(await now(outcome), 'pending');
  assert.equal(quick.boot.failure, undefined);
  quick.boot.onFailedStart(BOOM, false);
  assert.deepEqual([await outcome, quick.boot.failure], [BOOM, BOOM]);
  quick.boot.succeed();
  assert.equal(quick.boot.failure, undefined);
  const slow = new Bench();
  const soon = slow.boot.begin();
  slow.boot.onFailedStart(BOOM, true);
  assert.deepEqual(await soon, BOOM);
});

test('one that is cancelled never starts', async () => {
  const bench = new Bench('a');
  const outcome = bench.boot.begin();
  bench.boot.cancel(BOOM);
  bench.set('a', { published: true });
  assert.deepEqual([await outcome, bench.startCount], [BOOM, 0]);
});

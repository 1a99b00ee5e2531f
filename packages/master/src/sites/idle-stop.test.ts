import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { idleStopOf, IdleStop, startsOnDemand } from './idle-stop.js';
import type { IdleWatched } from './idle-stop.js';

/** A site made of a mark that says whether it is idle, and time that passes when it is told to. */
class Bench implements IdleWatched {
  idle = true;
  limitCount = 0;
  readonly idleStop: IdleStop;
  readonly #t: TestContext;

  constructor(t: TestContext, limitMs: number | undefined) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#t = t;
    this.idleStop = new IdleStop(limitMs, this);
  }

  onIdleLimit(): void {
    this.limitCount += 1;
  }

  /** How often the limit had been reached when so many ms had passed. */
  after(ms: number): number {
    this.#t.mock.timers.tick(ms);
    return this.limitCount;
  }
}

test('a site that stays idle is reported once', (t) => {
  const bench = new Bench(t, 10);
  bench.idleStop.look();
  bench.idleStop.look();
  assert.deepEqual([bench.after(9), bench.after(1), bench.after(100)], [0, 1, 1]);
});

test('its time begins anew whenever somebody is connected', (t) => {
  const bench = new Bench(t, 60);
  for (let count = 0; count < 5; count += 1) {
    bench.idleStop.look();
    assert.equal(bench.after(50), 0);
    bench.idle = false;
    bench.idleStop.look();
    bench.idle = true;
  }
  bench.idleStop.look();
  assert.deepEqual([bench.after(59), bench.after(1)], [0, 1]);
});

test('it goes on when somebody is connected at the last moment, though nobody told', (t) => {
  const bench = new Bench(t, 10);
  bench.idleStop.look();
  bench.idle = false;
  assert.equal(bench.after(50), 0);
});

test('without a limit it is never reported, and a limit that comes later counts from then on', (t) => {
  const bench = new Bench(t, undefined);
  bench.idleStop.look();
  assert.equal(bench.after(1000), 0);
  bench.idleStop.setLimit(10);
  assert.deepEqual([bench.after(9), bench.after(1)], [0, 1]);
});

test('a site for which the conf wants no workers has a limit of its own, and is started by a connection', () => {
  assert.equal(idleStopOf({ cpuLen: 0 }), 600_000);
  assert.equal(idleStopOf({ cpuLen: 0, idleStopMs: 5 }), 5);
  assert.equal(idleStopOf({ cpuLen: 2, idleStopMs: 5 }), 5);
  assert.equal(idleStopOf({ cpuLen: 2 }), undefined);
  assert.equal(idleStopOf({}), undefined);
  const listen = [{ type: 'tcp', port: 80 }] as const;
  assert.deepEqual([startsOnDemand({ cpuLen: 0, listen }), startsOnDemand({ listen })], [true, false]);
  assert.equal(startsOnDemand({ cpuLen: 0, listen: [] }), false);
});

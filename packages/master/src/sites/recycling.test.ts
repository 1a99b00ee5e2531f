import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Recycling } from './recycling.js';
import type { Slot } from '../workers/slot.js';
import type { WearLimits } from '../workers/wear.js';

const SETTLE_MS = 1000;
const MB = 1024 ** 2;
const FAILED = { code: 'ERR_WORKER_EXITED', message: 'worker a/9 exited with code 1' };

/** A slot made of notes. */
interface FakeSlot {
  slot: number;
  name: string;
  conf: WearLimits & { settleTimeMs: number; restart: { backoffMinMs: number; backoffMaxMs: number } };
  vitals: { residentBytes: number; requestCount: number } | undefined;
  wantsToLeave: string | undefined;
  ageMs: number;
  remark: string | undefined;
  outlive(successor: Slot, reason: string, message: string): void;
}

/** The workers of a site made of notes, with a clock of their own. */
class Bench {
  readonly log: string[] = [];
  readonly recycling: Recycling;
  readonly limits: WearLimits;
  replaceable = true;
  nowMs = 0;
  random = 0;
  #successorCount = 0;

  constructor(t: TestContext, limits: WearLimits) {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    this.limits = limits;
    this.recycling = new Recycling(
      {
        replaceable: () => this.replaceable,
        successorOf: (old) => {
          this.#successorCount += 1;
          const successor = this.slot(`new${this.#successorCount}`, old.slot);
          const notes = {
            start: () => this.log.push(`start ${nameOf(successor)}`),
            succeed: (other: Slot) => this.log.push(`${nameOf(successor)} succeeds ${nameOf(other)}`),
          };
          return Object.assign(successor, notes);
        },
        replace: (old, successor) => void this.log.push(`replace ${nameOf(old)} ${nameOf(successor)}`),
        retire: (slot) => void this.log.push(`retire ${nameOf(slot)}`),
        onChange: () => undefined,
      },
      { now: () => this.nowMs, random: () => this.random },
    );
  }

  slot(name: string, index = 0): Slot {
    const restart = { backoffMinMs: 100, backoffMaxMs: 10_000 };
    const fake: FakeSlot = {
      name,
      slot: index,
      wantsToLeave: undefined,
      ageMs: 0,
      remark: undefined,
      outlive: (_successor, reason, message) => {
        fake.remark = `${reason}; its replacement failed: ${message}`;
      },
      vitals: { residentBytes: 100 * MB, requestCount: 0 },
      conf: { ...this.limits, restart, settleTimeMs: SETTLE_MS },
    };
    return fake as unknown as Slot;
  }

  /** A worker tells what it is like; returns what is done about it. */
  tell(slot: Slot, is: Partial<FakeSlot['vitals']> & { ageMs?: number } = {}): string[] {
    const { ageMs, ...vitals } = is;
    const fake = slot as unknown as FakeSlot;
    fake.vitals = { residentBytes: 100 * MB, requestCount: 0, ...vitals };
    fake.ageMs = ageMs ?? fake.ageMs;
    return this.take(() => this.recycling.onVitals(slot));
  }

  take(act: () => unknown): string[] {
    act();
    return this.log.splice(0);
  }

  /** Lets the successor become ready and live long enough. */
  comeUp(): string[] {
    const { successor } = this.recycling;
    assert.ok(successor !== undefined && this.recycling.onReady(successor));
    this.nowMs += SETTLE_MS;
    return this.take(() => mock.timers.tick(SETTLE_MS));
  }
}

test('a worker above a limit is replaced once its successor has been ready for a moment', (t) => {
  const bench = new Bench(t, { memoryLimitBytes: 200 * MB });
  const old = bench.slot('old');
  assert.deepEqual(bench.tell(old, { residentBytes: 200 * MB }), []);
  assert.deepEqual(bench.tell(old, { residentBytes: 200 * MB + 1 }), ['start new1']);
  assert.match(remarkOf(old), /^memory limit: 200 MB resident, allowed are 200 MB; being replaced$/);
  const successor = bench.recycling.successor;
  assert.ok(successor !== undefined);
  assert.equal(bench.recycling.onReady(successor), true);
  assert.deepEqual(
    bench.take(() => mock.timers.tick(SETTLE_MS - 1)),
    [],
  );
  assert.deepEqual(
    bench.take(() => mock.timers.tick(1)),
    ['new1 succeeds old', 'replace old new1'],
  );
  assert.equal(bench.recycling.successor, undefined);
});

const WORN = { residentBytes: 1024 * MB, requestCount: 1_000_000, ageMs: 1_000_000 };

test('a limit that is absent is none', (t) => {
  const bench = new Bench(t, {});
  assert.deepEqual(bench.tell(bench.slot('old'), WORN), []);
});

test('one that was sent SIGTERM is replaced, whatever it tells of itself', (t) => {
  const bench = new Bench(t, {});
  const old = bench.slot('old');
  Object.assign(old, { wantsToLeave: 'it was sent SIGTERM', vitals: undefined });
  assert.deepEqual(
    bench.take(() => bench.recycling.onVitals(old)),
    ['start new1'],
  );
  assert.match(remarkOf(old), /^it was sent SIGTERM; being replaced$/);
  assert.deepEqual(bench.comeUp(), ['new1 succeeds old', 'replace old new1']);
});

test('a number of requests is a limit by itself', (t) => {
  const bench = new Bench(t, { maxRequests: 10 });
  const old = bench.slot('old');
  assert.deepEqual(bench.tell(old, { ...WORN, requestCount: 9 }), []);
  assert.deepEqual(bench.tell(old, { ...WORN, requestCount: 10 }), ['start new1']);
});

test('the age at which a worker is replaced is up to a tenth lower, and stays the same for a worker', (t) => {
  const bench = new Bench(t, { maxAgeMs: 10_000 });
  bench.random = 0.999_999;
  const early = bench.slot('early', 0);
  bench.tell(early, { ageMs: 1 });
  bench.random = 0;
  const late = bench.slot('late', 1);
  assert.deepEqual(bench.tell(late, { ageMs: 9999 }), []);
  assert.deepEqual(bench.tell(early, { ageMs: 8999 }), []);
  assert.deepEqual(bench.tell(early, { ageMs: 9001 }), ['start new1']);
});

test('one at a time, and none while the site says no', (t) => {
  const bench = new Bench(t, { maxRequests: 1 });
  const [first, second] = [bench.slot('first', 0), bench.slot('second', 1)];
  bench.replaceable = false;
  assert.deepEqual(bench.tell(first, { requestCount: 1 }), []);
  bench.replaceable = true;
  assert.deepEqual(bench.tell(first, { requestCount: 1 }), ['start new1']);
  assert.deepEqual(bench.tell(second, { requestCount: 1 }), []);
  bench.comeUp();
  assert.deepEqual(bench.tell(second, { requestCount: 1 }), ['start new2']);
});

for (const ready of [false, true]) {
  test(`a successor that ends ${ready ? 'right after' : 'before'} it is ready is discarded, with a longer pause each time`, (t) => {
    const bench = new Bench(t, { maxRequests: 1 });
    const old = bench.slot('old');
    bench.tell(old, { requestCount: 1 });
    for (const pauseMs of [100, 200, 400]) {
      const { successor } = bench.recycling;
      assert.ok(successor !== undefined);
      if (ready) bench.recycling.onReady(successor);
      assert.deepEqual(
        bench.take(() => bench.recycling.onExit(successor, FAILED)),
        [`retire ${nameOf(successor)}`],
      );
      assert.match(
        remarkOf(old),
        /^request limit: .*; its replacement failed: worker a\/9 exited with code 1$/,
      );
      assert.deepEqual(
        bench.take(() => mock.timers.tick(SETTLE_MS)),
        [],
      );
      bench.nowMs += pauseMs - 1;
      assert.deepEqual(bench.tell(old, { requestCount: 1 }), []);
      bench.nowMs += 1;
      assert.equal(bench.tell(old, { requestCount: 1 }).length, 1);
    }
  });
}

test('workers that are above a limit from the start are replaced less and less often, until one lasts', (t) => {
  const bench = new Bench(t, { maxRequests: 1 });
  const startsWithin = (ms: number): number => {
    let count = 0;
    for (let passedMs = 0; passedMs < ms; passedMs += SETTLE_MS) {
      count += bench.tell(bench.slot('old'), { requestCount: 1, ageMs: 1 }).length;
      if (bench.recycling.successor === undefined) bench.nowMs += SETTLE_MS;
      else bench.comeUp();
    }
    return count;
  };
  const early = startsWithin(20_000);
  const late = startsWithin(60_000);
  assert.ok(early >= 5 && late <= 7, `${early}, ${late}`);
  bench.nowMs += 10_000;
  bench.tell(bench.slot('old'), { requestCount: 1, ageMs: 20_000 });
  bench.comeUp();
  bench.nowMs += 100;
  assert.equal(bench.tell(bench.slot('old'), { requestCount: 1 }).length, 1);
});

test('what is under way ends with a reload, and with the place of its worker', (t) => {
  const bench = new Bench(t, { maxRequests: 1 });
  const [old, other] = [bench.slot('old'), bench.slot('other', 1)];
  bench.tell(old, { requestCount: 1 });
  assert.deepEqual(
    bench.take(() => bench.recycling.cancel(other)),
    [],
  );
  assert.deepEqual(
    bench.take(() => bench.recycling.cancel(old)),
    ['retire new1'],
  );
  assert.equal((old as unknown as FakeSlot).remark, undefined);
  bench.tell(old, { requestCount: 1 });
  const { successor } = bench.recycling;
  assert.ok(successor !== undefined && bench.recycling.onReady(successor));
  assert.deepEqual(
    bench.take(() => bench.recycling.reset()),
    ['retire new2'],
  );
  assert.deepEqual(
    bench.take(() => mock.timers.tick(SETTLE_MS)),
    [],
  );
  assert.equal(bench.recycling.onExit(successor, FAILED), false);
});

function nameOf(slot: Slot): string {
  return (slot as unknown as FakeSlot).name;
}

function remarkOf(slot: Slot): string {
  return (slot as unknown as FakeSlot).remark ?? '';
}

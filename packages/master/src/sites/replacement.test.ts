import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { WorkerStats } from '@vhostd/protocol';
import type { WorkerLimits } from '../workers/worker-limits.js';
import { Replacement } from './replacement.js';
import type { ReplaceableWorker, ReplacedWorkers } from './replacement.js';

const SETTLE_MS = 1000;
const MB = 1024 ** 2;
const FAILED = { code: 'ERR_WORKER_EXITED', message: 'worker a/9 exited with code 1' };
const RESTART = { backoffMinMs: 100, backoffMaxMs: 10_000, intensity: 1, periodMs: 1 };

/** A worker made of notes. */
class Notes implements ReplaceableWorker {
  readonly name: string;
  readonly slot: number;
  readonly conf: ReplaceableWorker['conf'];
  readonly log: string[];
  stats: WorkerStats | undefined = { residentBytes: 100 * MB, requestCount: 0, cpuMs: 0 };
  wantsToLeave: string | undefined;
  ageMs = 0;
  remark: string | undefined;

  constructor(name: string, slot: number, limits: WorkerLimits, log: string[]) {
    this.name = name;
    this.slot = slot;
    this.log = log;
    this.conf = { ...limits, restart: RESTART, settleTimeMs: SETTLE_MS };
  }

  replace(old: Notes): void {
    this.log.push(`${this.name} takes over from ${old.name}`);
  }

  outlive(_replacement: Notes, reason: string, message: string): void {
    this.remark = `${reason}; its replacement failed: ${message}`;
  }
}

/** The workers of a site made of notes, with a clock of their own. */
class Bench implements ReplacedWorkers<Notes> {
  readonly log: string[] = [];
  readonly limits: WorkerLimits;
  readonly replacement: Replacement<Notes>;
  /** The new worker while it is not published. */
  new: Notes | undefined;
  nowMs = 0;
  random = 0;
  #newCount = 0;

  constructor(t: TestContext, limits: WorkerLimits) {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    this.limits = limits;
    const options = { now: () => this.nowMs, random: () => this.random };
    this.replacement = new Replacement(this, () => this.log.push('serves'), options);
  }

  startReplacement({ slot }: Notes): Notes {
    this.#newCount += 1;
    this.new = this.worker(`new${this.#newCount}`, slot);
    this.log.push(`start ${this.new.name}`);
    return this.new;
  }

  promoteReplacement(old: Notes): void {
    this.log.push(`${this.new?.name} for ${old.name}`);
    this.new = undefined;
  }

  discardReplacement(): void {
    this.log.push(`discard ${this.new?.name}`);
    this.new = undefined;
  }

  worker(name: string, slot = 0): Notes {
    return new Notes(name, slot, this.limits, this.log);
  }

  /** A worker tells what it is like; returns what is done about it. */
  tell(worker: Notes, is: Partial<WorkerStats> & { ageMs?: number } = {}): string[] {
    const { ageMs, ...stats } = is;
    worker.stats = { residentBytes: 100 * MB, requestCount: 0, cpuMs: 0, ...stats };
    worker.ageMs = ageMs ?? worker.ageMs;
    return this.take(() => this.replacement.onStats(worker));
  }

  take(act: () => unknown): string[] {
    act();
    return this.log.splice(0);
  }

  /** The new worker is ready. */
  beReady(): Notes {
    const worker = this.new;
    assert.ok(worker !== undefined);
    this.replacement.onReady(worker);
    return worker;
  }

  /** Lets the new worker become ready and live long enough. */
  comeUp(): string[] {
    this.beReady();
    this.nowMs += SETTLE_MS;
    return this.take(() => mock.timers.tick(SETTLE_MS));
  }
}

test('a worker above a limit is replaced once the new one has been ready for a moment', (t) => {
  const bench = new Bench(t, { memoryLimitBytes: 200 * MB });
  const old = bench.worker('old');
  assert.deepEqual(bench.tell(old, { residentBytes: 200 * MB }), []);
  assert.deepEqual(bench.tell(old, { residentBytes: 200 * MB + 1 }), ['start new1']);
  assert.match(old.remark ?? '', /^memory limit: 200 MB resident, allowed are 200 MB; being replaced$/);
  bench.beReady();
  assert.deepEqual(
    bench.take(() => mock.timers.tick(SETTLE_MS - 1)),
    [],
  );
  assert.deepEqual(
    bench.take(() => mock.timers.tick(1)),
    ['new1 takes over from old', 'new1 for old', 'serves'],
  );
});

const ABOVE = { residentBytes: 1024 * MB, requestCount: 1_000_000, ageMs: 1_000_000 };

test('an absent limit limits nothing', (t) => {
  const bench = new Bench(t, {});
  assert.deepEqual(bench.tell(bench.worker('old'), ABOVE), []);
});

test('one that was sent SIGTERM is replaced, whatever it tells of itself', (t) => {
  const bench = new Bench(t, {});
  const old = bench.worker('old');
  Object.assign(old, { wantsToLeave: 'it was sent SIGTERM', stats: undefined });
  assert.deepEqual(
    bench.take(() => bench.replacement.onStats(old)),
    ['start new1'],
  );
  assert.match(old.remark ?? '', /^it was sent SIGTERM; being replaced$/);
  assert.deepEqual(bench.comeUp(), ['new1 takes over from old', 'new1 for old', 'serves']);
});

test('a number of requests is a limit by itself', (t) => {
  const bench = new Bench(t, { maxRequests: 10 });
  const old = bench.worker('old');
  assert.deepEqual(bench.tell(old, { ...ABOVE, requestCount: 9 }), []);
  assert.deepEqual(bench.tell(old, { ...ABOVE, requestCount: 10 }), ['start new1']);
});

test('the age at which a worker is replaced is up to a tenth lower, and stays the same for a worker', (t) => {
  const bench = new Bench(t, { maxAgeMs: 10_000 });
  bench.random = 0.999_999;
  const early = bench.worker('early', 0);
  bench.tell(early, { ageMs: 1 });
  bench.random = 0;
  const late = bench.worker('late', 1);
  assert.deepEqual(bench.tell(late, { ageMs: 9999 }), []);
  assert.deepEqual(bench.tell(early, { ageMs: 8999 }), []);
  assert.deepEqual(bench.tell(early, { ageMs: 9001 }), ['start new1']);
});

test('one at a time', (t) => {
  const bench = new Bench(t, { maxRequests: 1 });
  const [first, second] = [bench.worker('first', 0), bench.worker('second', 1)];
  assert.deepEqual(bench.tell(first, { requestCount: 1 }), ['start new1']);
  assert.deepEqual(bench.tell(second, { requestCount: 1 }), []);
  bench.comeUp();
  assert.deepEqual(bench.tell(second, { requestCount: 1 }), ['start new2']);
});

for (const ready of [false, true]) {
  test(`a new worker that ends ${ready ? 'right after' : 'before'} it is ready is discarded, with a longer pause each time`, (t) => {
    const bench = new Bench(t, { maxRequests: 1 });
    const old = bench.worker('old');
    bench.tell(old, { requestCount: 1 });
    for (const pauseMs of [100, 200, 400]) {
      const worker = bench.new;
      assert.ok(worker !== undefined);
      if (ready) bench.beReady();
      assert.deepEqual(
        bench.take(() => bench.replacement.onExit(worker, FAILED)),
        [`discard ${worker.name}`],
      );
      assert.match(
        old.remark ?? '',
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
      count += bench.tell(bench.worker('old'), { requestCount: 1, ageMs: 1 }).length;
      if (bench.new === undefined) bench.nowMs += SETTLE_MS;
      else bench.comeUp();
    }
    return count;
  };
  const early = startsWithin(20_000);
  const late = startsWithin(60_000);
  assert.ok(early >= 5 && late <= 7, `${early}, ${late}`);
  bench.nowMs += 10_000;
  bench.tell(bench.worker('old'), { requestCount: 1, ageMs: 20_000 });
  bench.comeUp();
  bench.nowMs += 100;
  assert.equal(bench.tell(bench.worker('old'), { requestCount: 1 }).length, 1);
});

test('what is under way ends with a reload, and with the place of its worker', (t) => {
  const bench = new Bench(t, { maxRequests: 1 });
  const [old, other] = [bench.worker('old', 1), bench.worker('other', 0)];
  bench.tell(old, { requestCount: 1 });
  assert.deepEqual(
    bench.take(() => bench.replacement.keepTo([other, old])),
    [],
  );
  assert.deepEqual(
    bench.take(() => bench.replacement.keepTo([other])),
    ['discard new1'],
  );
  assert.equal(old.remark, undefined);
  bench.tell(old, { requestCount: 1 });
  const worker = bench.beReady();
  assert.deepEqual(
    bench.take(() => bench.replacement.reset()),
    ['discard new2'],
  );
  assert.deepEqual(
    bench.take(() => mock.timers.tick(SETTLE_MS)),
    [],
  );
  assert.deepEqual(
    bench.take(() => bench.replacement.onExit(worker, FAILED)),
    [],
  );
});

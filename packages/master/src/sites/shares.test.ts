// Shares of workers that accept from one queue: none has far more connections than the others.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Shares } from './shares.js';

/** A worker that takes connections up to what it was told, as the kernel wakes it. */
class FakeSharer {
  connectionCount = 0;
  upTo: number | undefined;

  acceptUpTo(count: number | undefined): void {
    this.upTo = count;
  }
}

/** Gives each its share, as the master does when it sends the socket. */
function tell(shares: Shares<FakeSharer>, workers: readonly FakeSharer[]): void {
  shares.look(workers);
  for (const worker of workers)
    if (shares.rests(worker) === undefined) worker.acceptUpTo(shares.tell(worker));
}

for (const count of [2, 4, 8]) {
  test(`of 64 connections no one of ${count} workers has more than 1.5 shares, whoever wakes first`, (t) => {
    // All of it within a turn, however slow the machine is.
    t.mock.method(performance, 'now', () => 0);
    const shares = new Shares<FakeSharer>(() => undefined);
    const workers = Array.from({ length: count }, () => new FakeSharer());
    tell(shares, workers);
    for (let taken = 0; taken < 64; taken += 1) {
      const eager = workers.find((worker) => shares.rests(worker) === undefined);
      assert.ok(eager, 'one of them accepts');
      eager.connectionCount += 1;
      if (eager.connectionCount >= (eager.upTo ?? Infinity)) shares.rest(eager, false);
      tell(shares, workers);
    }
    const counts = workers.map(({ connectionCount }) => connectionCount);
    assert.ok(Math.max(...counts) <= (1.5 * 64) / count, String(counts));
  });
}

test('one alone has no share, and with a second one it has', () => {
  const shares = new Shares<FakeSharer>(() => undefined);
  const [first, second] = [new FakeSharer(), new FakeSharer()];
  tell(shares, [first]);
  first.connectionCount = 100;
  assert.equal(first.upTo, undefined);
  shares.look([first, second]);
  assert.equal(first.upTo, 70);
});

test('a share that was far too large is told at once', () => {
  const shares = new Shares<FakeSharer>(() => undefined);
  const workers = [new FakeSharer(), new FakeSharer()];
  for (const worker of workers) worker.connectionCount = 400;
  tell(shares, workers);
  assert.equal(workers[0]?.upTo, 508);
  for (const worker of workers) worker.connectionCount = 10;
  shares.look(workers);
  assert.deepEqual(
    workers.map(({ upTo }) => upTo),
    [20, 20],
  );
});

test('one that has its share goes on behind a turn in which the others stand still, with more each time', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const now = mock.method(performance, 'now', () => nowMs);
  const workers = [new FakeSharer(), new FakeSharer()];
  const shares: Shares<FakeSharer> = new Shares(() => tell(shares, workers));
  const [eager] = workers;
  assert.ok(eager);
  tell(shares, workers);
  const steps: number[] = [];
  try {
    for (let turn = 0; turn < 18; turn += 1) {
      eager.connectionCount = eager.upTo ?? 0;
      shares.rest(eager, false);
      tell(shares, workers);
      while (shares.rests(eager) !== undefined) {
        nowMs += 50;
        mock.timers.tick(50);
      }
      steps.push((eager.upTo ?? 0) - eager.connectionCount);
    }
  } finally {
    now.mock.restore();
    mock.timers.reset();
  }
  const [before = 0, last] = steps.slice(-2);
  assert.ok(before >= 2 && last === 2 * before, String(steps));
});

test('one that is full rests, whatever its share', () => {
  const shares = new Shares<FakeSharer>(() => undefined);
  const workers = [new FakeSharer(), new FakeSharer()];
  tell(shares, workers);
  const [full] = workers;
  assert.ok(full);
  shares.rest(full, true);
  shares.look(workers);
  assert.equal(shares.rests(full), 'full');
  shares.look([]);
  assert.equal(shares.rests(full), undefined);
});

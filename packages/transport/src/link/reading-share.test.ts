import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LastingExcess, ReadingShare, Work } from './reading-share.js';

const OPTIONS = { part: 0.2, burstMs: 200, excess: new Map(), waitedMs: () => 0 };

void test('work within the burst, or within its part of the time, waits for nothing', () => {
  const share = new ReadingShare(OPTIONS);
  assert.equal(share.charge(200, 0), 0);
  for (let nowMs = 100; nowMs < 100_000; nowMs += 100) assert.equal(share.charge(20, nowMs), 0);
});

void test('more work waits until its part of the time has paid for it', () => {
  const share = new ReadingShare(OPTIONS);
  assert.equal(share.charge(250, 0), 250);
  assert.equal(share.charge(1, 250), 5);
  assert.equal(share.charge(0, 255), 0);
});

void test('work that this process has caused by itself costs nothing', () => {
  const share = new ReadingShare(OPTIONS);
  share.charge(200, 0);
  for (let nowMs = 1; nowMs < 1000; nowMs += 1) {
    share.earn(0.9);
    assert.equal(share.charge(0.9, nowMs), 0);
  }
});

void test('many that want too much have half of the time together, until nothing is heard of them', () => {
  const excess = new Map<ReadingShare, number>();
  const shares = Array.from({ length: 10 }, () => new ReadingShare({ ...OPTIONS, excess }));
  const pauses = shares.map((share) => share.charge(210, 0));
  assert.deepEqual(pauses.slice(0, 3), [50, 50, 60]);
  assert.equal(pauses[9], 200);
  assert.equal(new ReadingShare({ ...OPTIONS, excess }).charge(210, 3000), 50);
  assert.equal(excess.size, 1);
});

void test('where processors are taken, who says too much has a part of the time that this thread had, and no other', () => {
  // Of each ms it waits 0.75 for a processor.
  const spentBy = (more: boolean): number => {
    const waitedMs = (nowMs: number): number => nowMs * 0.75;
    const share = new ReadingShare({ ...OPTIONS, excess: new Map(), waitedMs });
    let spentMs = 0;
    for (let nowMs = 0; nowMs < 20_000;) {
      spentMs += 1;
      nowMs += Math.max(1, share.charge(1, nowMs, more));
    }
    return spentMs;
  };
  const fifth = 20_000 * 0.2;
  const [flooding, other] = [spentBy(true), spentBy(false)];
  // And what may be done at once after a pause.
  assert.ok(flooding >= fifth / 4 && flooding < fifth / 4 + 250, `${flooding}`);
  assert.ok(other >= fifth && other < fifth + 250, `${other}`);
});

void test('the kernel is asked only while one says too much', () => {
  let askedCount = 0;
  const waitedMs = (): number => (askedCount += 1);
  const share = new ReadingShare({ ...OPTIONS, excess: new Map(), waitedMs });
  for (let nowMs = 0; nowMs < 1000; nowMs += 10) share.charge(1, nowMs);
  assert.equal(askedCount, 0);
  share.charge(1, 1000, true);
  assert.equal(askedCount, 1);
});

void test('one that says too much no more counts like the others after a while', () => {
  const options = { ...OPTIONS, excess: new Map(), waitedMs: (nowMs: number) => nowMs * 0.9 };
  const share = new ReadingShare(options);
  for (let nowMs = 0; nowMs < 1000; nowMs += 100) share.charge(0, nowMs, true);
  for (let nowMs = 1000; nowMs < 5000; nowMs += 100) share.charge(0, nowMs);
  assert.equal(share.charge(200, 5000), 0);
});

void test('a child that has more to say whenever it is heard is in excess, until it has been content for a moment', () => {
  const excess = new LastingExcess();
  let nowMs = 0;
  const flood = (): boolean => {
    excess.read(nowMs);
    const lasting = excess.waits(nowMs);
    excess.resumed((nowMs += 100));
    return lasting;
  };
  while (nowMs < 10_000) assert.equal(flood(), false);
  assert.equal(flood(), true);
  nowMs += 60;
  assert.equal(flood(), false);
});

void test('time in which this process does not run is no work, time in which it computes is', () => {
  const work = new Work();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  assert.ok(work.ms < 500, `${work.ms}`);
  const startCpu = process.cpuUsage();
  for (let ms = 0; ms < 100;) {
    const { user, system } = process.cpuUsage(startCpu);
    ms = (user + system) / 1000;
  }
  assert.ok(work.ms >= 100, `${work.ms}`);
});

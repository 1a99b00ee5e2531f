// When a peer counts as lost, on a clock that the tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeOs } from './fake-os.test.kit.js';
import { Heartbeat } from './heartbeat.js';

interface Bench {
  os: FakeOs;
  heartbeat: Heartbeat;
  pingTimes: number[];
  lostAfter: number[];
}

void test('a peer that answers is pinged each interval and never lost', () => {
  const os = new FakeOs();
  const startMs = os.now();
  const times: number[] = [];
  const heartbeat = new Heartbeat({
    intervalMs: 1000,
    limitMs: 5000,
    os,
    sendPing: () => {
      times.push(os.now() - startMs);
      os.arrive(() => heartbeat.pong());
    },
    onLost: () => assert.fail('lost'),
  });
  os.advance(100_000);
  assert.deepEqual(times.slice(0, 4), [0, 1000, 2000, 3000]);
  assert.equal(times.length, 101);
  heartbeat.stop();
});

void test('a peer that falls silent is lost when the limit is over, counted from its last sign of life, and only once', () => {
  const { os, heartbeat, lostAfter } = bench();
  os.advance(2300);
  heartbeat.pong();
  os.advance(4999);
  assert.deepEqual(lostAfter, []);
  os.advance(1);
  assert.deepEqual(lostAfter, [5000]);
  os.advance(60_000);
  assert.deepEqual(lostAfter, [5000]);
  assert.deepEqual(os.pendingRefs, []);
});

void test('a peer that never answers is lost too', () => {
  const { os, lostAfter, pingTimes } = bench();
  os.advance(5000);
  assert.deepEqual(lostAfter, [5000]);
  assert.deepEqual(pingTimes, [0, 1000, 2000, 3000, 4000]);
});

void test('a peer that is silent for less than the limit, again and again, is not lost', () => {
  const { os, heartbeat, lostAfter } = bench();
  for (let round = 0; round < 50; round += 1) {
    os.advance(4990);
    heartbeat.pong();
  }
  assert.deepEqual(lostAfter, []);
});

void test('a pong that came while the own event loop was blocked is read before the verdict', () => {
  const { os, heartbeat, lostAfter } = bench();
  os.advance(4500);
  os.arrive(() => heartbeat.pong());
  os.block(700);
  assert.deepEqual(lostAfter, []);
  os.advance(4000);
  assert.deepEqual(lostAfter, []);
});

void test('the time in which the own event loop was blocked is not the silence of the peer', () => {
  const { os, heartbeat, lostAfter } = bench();
  os.advance(1500);
  os.block(3_600_000);
  assert.deepEqual(lostAfter, []);
  os.advance(1000);
  heartbeat.pong();
  os.advance(4999);
  assert.deepEqual(lostAfter, []);
});

void test('after being stopped together with its peer it gives it a fresh interval, and no more than that', () => {
  const answering = bench();
  answering.os.advance(4900);
  answering.os.block(60_000);
  answering.os.advance(999);
  assert.deepEqual(answering.lostAfter, []);
  answering.heartbeat.pong();
  answering.os.advance(4000);
  assert.deepEqual(answering.lostAfter, []);

  const silent = bench();
  silent.os.advance(4900);
  silent.os.block(60_000);
  silent.os.advance(1000);
  assert.equal(silent.lostAfter.length, 1);
});

void test('a dead peer is found although the own event loop is blocked all the time', () => {
  const { os, lostAfter } = bench();
  for (let round = 0; round < 7; round += 1) os.block(2500);
  assert.equal(lostAfter.length, 1);
});

void test('after a stop there is no ping, no verdict and no timer', () => {
  const { os, heartbeat, pingTimes, lostAfter } = bench();
  assert.deepEqual(os.pendingRefs, [false]);
  os.advance(4500);
  heartbeat.stop();
  assert.deepEqual(os.pendingRefs, []);
  os.advance(60_000);
  assert.equal(pingTimes.length, 5);
  assert.deepEqual(lostAfter, []);
});

void test('a stop between the last limit and the verdict holds', () => {
  const { os, heartbeat, lostAfter } = bench();
  os.advance(4500);
  os.arrive(() => heartbeat.stop());
  os.advance(60_000);
  assert.deepEqual(lostAfter, []);
  assert.deepEqual(os.pendingRefs, []);
});

void test('a ping that cannot be sent throws nowhere, and the peer is lost by its silence', () => {
  const os = new FakeOs();
  let lostCount = 0;
  const heartbeat = new Heartbeat({
    intervalMs: 10,
    limitMs: 20,
    os,
    sendPing: () => {
      throw new Error('channel closed');
    },
    onLost: () => (lostCount += 1),
  });
  os.advance(20);
  assert.equal(lostCount, 1);
  heartbeat.stop();
});

void test('a stop from within the ping leaves no timer', () => {
  const os = new FakeOs();
  let pingCount = 0;
  const heartbeat: Heartbeat = new Heartbeat({
    intervalMs: 10,
    limitMs: 20,
    os,
    sendPing: () => {
      pingCount += 1;
      if (pingCount === 2) heartbeat.stop();
    },
    onLost: () => assert.fail('lost'),
  });
  os.advance(100);
  assert.equal(pingCount, 2);
  assert.deepEqual(os.pendingRefs, []);
});

void test('a limit below two intervals is refused by name', () => {
  const options = { sendPing: () => {}, onLost: () => {}, os: new FakeOs() };
  for (const [intervalMs, limitMs] of [
    [1000, 1999],
    [0, 1000],
    [NaN, 1000],
    [1000, 2 ** 31],
  ] as const) {
    assert.throws(() => new Heartbeat({ ...options, intervalMs, limitMs }), {
      code: 'ERR_SUPERVISOR_OPTION',
    });
  }
});

function bench(): Bench {
  const os = new FakeOs();
  const startMs = os.now();
  const pingTimes: number[] = [];
  const lostAfter: number[] = [];
  const heartbeat = new Heartbeat({
    intervalMs: 1000,
    limitMs: 5000,
    os,
    sendPing: () => pingTimes.push(os.now() - startMs),
    onLost: (silentMs) => lostAfter.push(silentMs),
  });
  return { os, heartbeat, pingTimes, lostAfter };
}

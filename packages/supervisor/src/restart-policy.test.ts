// The verdict on an end, as Erlang/OTP's supervisor gives it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideRestart, NO_RESTARTS, resolveRestartPolicy } from './restart-policy.js';

void test('as many restarts as the intensity are granted within a period, the next end is giving up', () => {
  assert.deepEqual(verdictsAt([0, 10, 20, 30], 3, 1000), ['respawn', 'respawn', 'respawn', 'give-up']);
});

void test('an intensity of 0 gives up at the first end', () => {
  assert.deepEqual(verdictsAt([0], 0, 1000), ['give-up']);
});

void test('a restart counts up to the end of its period and not after it', () => {
  assert.deepEqual(verdictsAt([0, 1000], 1, 1000), ['respawn', 'give-up']);
  assert.deepEqual(verdictsAt([0, 1001], 1, 1000), ['respawn', 'respawn']);
});

void test('a child that gets ready and fails slowly for ever is restarted for ever, with a history that stays short', () => {
  const policy = resolveRestartPolicy({ intensity: 3, periodMs: 1000 });
  let history = NO_RESTARTS;
  for (let nowMs = 0; nowMs < 400_000; nowMs += 400) {
    const decision = decideRestart(policy, history, nowMs, { wasReady: true, isNormal: true });
    assert.equal(decision.verdict, 'respawn');
    history = decision.history;
    assert.ok(history.times.length <= 3);
  }
});

void test('deciding leaves the history that it was given as it was', () => {
  const history = Object.freeze({ times: Object.freeze([1, 2]), unreadyCount: 0 });
  const decision = decideRestart(resolveRestartPolicy({}), history, 3, { wasReady: true, isNormal: true });
  assert.deepEqual(history, { times: [1, 2], unreadyCount: 0 });
  assert.deepEqual(decision.history, { times: [1, 2, 3], unreadyCount: 0 });
});

void test('a child that never gets ready is given up after as many restarts, however long its starts take', () => {
  const times = [0, 30_000, 60_000, 90_000];
  assert.deepEqual(verdictsAt(times, 3, 1000, false), ['respawn', 'respawn', 'respawn', 'give-up']);
});

void test('once it got ready, only the restarts within the period count', () => {
  const policy = resolveRestartPolicy({ intensity: 2, periodMs: 1000 });
  let history = NO_RESTARTS;
  const verdicts = [false, false, true, true, false, false, false].map((wasReady, index) => {
    const decision = decideRestart(policy, history, index * 30_000, { wasReady, isNormal: false });
    history = decision.history;
    return decision.verdict;
  });
  assert.deepEqual(verdicts, ['respawn', 'respawn', 'respawn', 'respawn', 'respawn', 'respawn', 'give-up']);
});

void test('a temporary child rests behind a normal end, and is given up behind any other, never restarted', () => {
  const policy = resolveRestartPolicy({ type: 'temporary', intensity: 1000 });
  const verdictOf = (isNormal: boolean, wasReady: boolean): string =>
    decideRestart(policy, NO_RESTARTS, 0, { isNormal, wasReady }).verdict;
  assert.deepEqual([verdictOf(true, true), verdictOf(true, false)], ['rest', 'rest']);
  assert.deepEqual([verdictOf(false, true), verdictOf(false, false)], ['give-up', 'give-up']);
});

void test('a number out of range is refused by name', () => {
  const wrong = [
    { intensity: -1 },
    { intensity: 1.5 },
    { intensity: NaN },
    { intensity: 1001 },
    { periodMs: 0 },
    { periodMs: Infinity },
  ];
  for (const policy of wrong) {
    assert.throws(
      () => resolveRestartPolicy(policy),
      { code: 'ERR_SUPERVISOR_OPTION' },
      JSON.stringify(policy),
    );
  }
});

function verdictsAt(
  times: readonly number[],
  intensity: number,
  periodMs: number,
  wasReady = true,
): string[] {
  const policy = resolveRestartPolicy({ intensity, periodMs });
  let history = NO_RESTARTS;
  return times.map((nowMs) => {
    const decision = decideRestart(policy, history, nowMs, { wasReady, isNormal: false });
    history = decision.history;
    return decision.verdict;
  });
}

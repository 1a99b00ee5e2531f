// The verdict on an end, as Erlang/OTP's supervisor gives it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideRestart, resolveRestartPolicy } from './restart-policy.js';
import type { RestartHistory } from './restart-policy.js';

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

void test('a child that fails slowly for ever is restarted for ever, with a history that stays short', () => {
  const policy = resolveRestartPolicy({ intensity: 3, periodMs: 1000 });
  let history: RestartHistory = [];
  for (let nowMs = 0; nowMs < 400_000; nowMs += 400) {
    const decision = decideRestart(policy, history, nowMs);
    assert.equal(decision.verdict, 'respawn');
    history = decision.history;
    assert.ok(history.length <= 3);
  }
});

void test('deciding leaves the history that it was given as it was', () => {
  const history = Object.freeze([1, 2]);
  const decision = decideRestart(resolveRestartPolicy({}), history, 3);
  assert.deepEqual(history, [1, 2]);
  assert.deepEqual(decision.history, [1, 2, 3]);
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

function verdictsAt(times: readonly number[], intensity: number, periodMs: number): string[] {
  const policy = resolveRestartPolicy({ intensity, periodMs });
  let history: RestartHistory = [];
  return times.map((nowMs) => {
    const decision = decideRestart(policy, history, nowMs);
    history = decision.history;
    return decision.verdict;
  });
}

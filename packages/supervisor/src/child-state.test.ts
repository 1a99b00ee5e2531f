// The table holds for every state and event, and its shape promises that no slot hangs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isChildState, isResting, NEXT } from './child-state.js';
import type { ChildEvent, ChildState } from './child-state.js';

const STATES: readonly ChildState[] = [
  'idle',
  'backoff',
  'booting',
  'ready',
  'stopping',
  'killing',
  'errored',
  'exited',
];
const REQUESTS: readonly ChildEvent[] = ['start', 'ready', 'fail', 'stop', 'kill'];
const FACTS: readonly ChildEvent[] = [
  'retry',
  'boot-limit',
  'soft-limit',
  'term-limit',
  'reap-limit',
  'respawn',
  'rest',
  'give-up',
];
const REFUSALS = ['no-process', 'already-started', 'already-ready', 'being-stopped'];
const WITH_PROCESS: readonly ChildState[] = ['booting', 'ready', 'stopping', 'killing'];

void test('the table has an answer for every state and event, and nothing else', () => {
  assert.deepEqual(Object.keys(NEXT).toSorted(), STATES.toSorted());
  for (const state of STATES) {
    assert.deepEqual(Object.keys(NEXT[state]).toSorted(), [...REQUESTS, ...FACTS].toSorted(), state);
  }
});

void test('a request leads to a state or to a named refusal, a fact to a state or is illegal', () => {
  for (const state of STATES) {
    for (const event of REQUESTS) {
      const step = NEXT[state][event];
      assert.ok(isChildState(step) || REFUSALS.includes(step), `${state} ${event}: ${step}`);
    }
    for (const event of FACTS) {
      const step = NEXT[state][event];
      assert.ok(isChildState(step) || step === 'illegal', `${state} ${event}: ${step}`);
    }
  }
});

void test('every state is reached from idle', () => {
  assert.deepEqual(reachable('idle', [...REQUESTS, ...FACTS]), new Set(STATES));
});

void test('nothing happens by itself in a resting state, and a start leaves it', () => {
  for (const state of STATES.filter(isResting)) {
    for (const event of FACTS) assert.equal(NEXT[state][event], 'illegal', `${state} ${event}`);
    assert.equal(NEXT[state].start, 'booting', state);
  }
});

void test('every other state comes to each kind of rest without a request', () => {
  for (const state of STATES.filter((each) => !isResting(each))) {
    const reached = reachable(state, FACTS);
    for (const rest of ['exited', 'errored'] as const) assert.ok(reached.has(rest), `${state} to ${rest}`);
  }
});

void test('a state with a process is left for one without by being reaped only', () => {
  for (const state of WITH_PROCESS) {
    assert.equal(NEXT[state].respawn, 'backoff', state);
    assert.equal(NEXT[state].rest, 'exited', state);
    assert.equal(NEXT[state]['give-up'], 'errored', state);
    for (const event of [...REQUESTS, ...FACTS]) {
      const step = NEXT[state][event];
      if (!isChildState(step) || ['respawn', 'rest', 'give-up'].includes(event)) continue;
      assert.ok(WITH_PROCESS.includes(step), `${state} ${event}: ${step}`);
    }
  }
});

void test('a stop and a kill are never refused, and no request leads back from being stopped', () => {
  for (const state of STATES) {
    assert.ok(isChildState(NEXT[state].stop), state);
    assert.equal(NEXT[state].kill, WITH_PROCESS.includes(state) ? 'killing' : NEXT[state].stop, state);
  }
  assert.deepEqual(reachable('stopping', REQUESTS), new Set(['stopping', 'killing']));
});

function reachable(from: ChildState, events: readonly ChildEvent[]): Set<ChildState> {
  const reached = new Set<ChildState>([from]);
  for (const state of reached) {
    for (const event of events) {
      const step = NEXT[state][event];
      if (isChildState(step)) reached.add(step);
    }
  }
  return reached;
}

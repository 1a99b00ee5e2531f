// The table holds for every state and event, and its shape promises that no change is lost and no process doubled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEXT } from './watch-state.js';
import type { WatchEvent, WatchState, WatchStep } from './watch-state.js';

const STATES: readonly WatchState[] = [
  'idle',
  'due',
  'running',
  'stopping',
  'backoff',
  'waiting',
  'leaving',
  'over',
];
const REQUESTS: readonly WatchEvent[] = ['start', 'restart', 'quit'];
const FACTS: readonly WatchEvent[] = ['changed', 'calm', 'ended', 'ended-for-now', 'delay-over'];
const EVENTS = [...REQUESTS, ...FACTS];
const WITH_PROCESS: readonly WatchState[] = ['running', 'stopping', 'leaving'];

void test('the table has an answer for every state and event, and nothing else', () => {
  assert.deepEqual(Object.keys(NEXT).toSorted(), STATES.toSorted());
  for (const state of STATES) assert.deepEqual(Object.keys(NEXT[state]).toSorted(), EVENTS.toSorted(), state);
});

void test('no request is illegal, and neither is a change or a calm', () => {
  for (const state of STATES) {
    for (const event of [...REQUESTS, 'changed', 'calm'] as const) {
      assert.notEqual(NEXT[state][event], 'illegal', `${state} ${event}`);
    }
  }
});

void test('a process ends exactly where there is one, and a delay where one runs', () => {
  for (const state of STATES) {
    for (const event of ['ended', 'ended-for-now'] as const) {
      assert.equal(NEXT[state][event] !== 'illegal', WITH_PROCESS.includes(state), `${state} ${event}`);
    }
    assert.equal(NEXT[state]['delay-over'] !== 'illegal', state === 'backoff', state);
  }
});

void test('a process is spawned from due alone, when no file is being written', () => {
  for (const [state, event, step] of steps()) {
    if (step !== 'illegal' && step[1] === 'spawn') assert.deepEqual([state, event], ['due', 'calm']);
  }
  assert.deepEqual(NEXT.due.calm, ['running', 'spawn']);
});

void test('a state with a process is left for one without by its end only', () => {
  for (const [state, event, step] of steps()) {
    if (step === 'illegal' || !WITH_PROCESS.includes(state) || event.startsWith('ended')) continue;
    assert.ok(WITH_PROCESS.includes(step[0]), `${state} ${event}`);
  }
});

void test('a change leads to a start wherever none is under way already', () => {
  for (const state of STATES.filter((each) => !['idle', 'leaving', 'over'].includes(each))) {
    const reached = new Set<WatchState>();
    let at: WatchState = state;
    for (const event of ['changed', 'ended', 'calm'] as const) {
      const step: WatchStep = NEXT[at][event];
      if (step !== 'illegal') [at] = step;
      reached.add(at);
    }
    assert.equal(at, 'running', `${state}: ${[...reached].join()}`);
  }
});

void test('nothing leads back from leaving, and a second request to quit kills', () => {
  for (const event of EVENTS) {
    const step = NEXT.leaving[event];
    if (step !== 'illegal') assert.ok(['leaving', 'over'].includes(step[0]), event);
    const over = NEXT.over[event];
    if (over !== 'illegal') assert.deepEqual(over, ['over', 'none'], event);
  }
  assert.deepEqual(NEXT.leaving.quit, ['leaving', 'kill']);
});

function steps(): [WatchState, WatchEvent, WatchStep][] {
  return STATES.flatMap((state) =>
    EVENTS.map((event): [WatchState, WatchEvent, WatchStep] => [state, event, NEXT[state][event]]),
  );
}

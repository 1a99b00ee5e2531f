import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSiteState, NEXT, SITE_STATES, SiteStateMachine } from './site-state.js';
import type { SiteEvent, SiteState, SiteStateChange } from './site-state.js';

const STATES = Object.keys(NEXT) as SiteState[];
const EVENTS = Object.keys(NEXT.loaded) as SiteEvent[];

/** The states that an event leads to, from wherever it changes anything. */
function leads(event: SiteEvent): Record<string, string> {
  const steps = STATES.map((state) => [state, NEXT[state][event]] as const);
  return Object.fromEntries(steps.filter(([from, to]) => isSiteState(to) && to !== from));
}

/** A machine that has taken these events, and its steps. */
function after(...events: SiteEvent[]): { machine: SiteStateMachine; steps: SiteStateChange[] } {
  const steps: SiteStateChange[] = [];
  const machine = new SiteStateMachine((change) => steps.push(change));
  for (const event of events) assert.equal(machine.apply(event), 'ok', event);
  return { machine, steps };
}

test('a step that is granted is told, one that is refused changes nothing and says why', () => {
  const { machine, steps } = after('placed', 'dependencies-ready');
  assert.equal(machine.apply('reload'), 'at-work');
  assert.equal(machine.apply('workers-settled'), 'ok');
  assert.deepEqual(
    steps.map(({ from, event, to }) => `${from} ${event} ${to}`),
    ['loaded placed waiting', 'waiting dependencies-ready booting', 'booting workers-settled running'],
  );
});

test('a state in which a worker is waited for is entered only where one is started, or is there', () => {
  // What follows from each of these starts a worker, or concerns one that its restart policy starts again.
  const entries = EVENTS.flatMap((event) =>
    Object.entries(leads(event)).flatMap(([from, to]) => (to === 'booting' ? [`${from} ${event}`] : [])),
  );
  assert.deepEqual(entries.toSorted(), [
    'filling workers-none',
    'finished wake',
    'idle wake',
    'restarting workers-gone',
    'waiting dependencies-ready',
  ]);
});

test('what has been stopped does nothing but start anew', () => {
  for (const event of EVENTS) {
    const stays = ['stopping', 'stopped'].every((state) => {
      const step = NEXT[state as SiteState][event];
      return !isSiteState(step) || step === state;
    });
    assert.equal(stays, event !== 'workers-gone' && event !== 'start', event);
  }
  assert.equal(NEXT.stopping.start, 'being-stopped');
});

test('every state but those at rest can be stopped, and ends stopped', () => {
  for (const state of STATES.filter((other) => other !== 'stopped')) {
    assert.equal(NEXT[state].stop, 'stopping');
  }
  assert.deepEqual(leads('workers-gone'), { restarting: 'booting', stopping: 'stopped' });
});

test('a reload begins where something has been started and nothing is at work', () => {
  assert.deepEqual(leads('reload'), {
    running: 'reloading',
    retrying: 'reloading',
    frozen: 'reloading',
    errored: 'reloading',
  });
  const followed = STATES.filter((state) => NEXT[state].reload === 'at-work');
  assert.deepEqual(followed, ['booting', 'filling', 'reloading', 'restarting']);
});

test('the end of a reload is followed by what the workers have come to', () => {
  for (const event of ['reload-published', 'reload-discarded'] as const) {
    assert.deepEqual(leads(event), { reloading: 'running' });
  }
  assert.deepEqual(leads('renewal-in-vain'), { reloading: 'retrying', restarting: 'retrying' });
  const { machine } = after('placed', 'dependencies-ready', 'workers-failed', 'reload', 'renewal-in-vain');
  machine.apply('workers-failed');
  assert.equal(machine.state, 'errored');
});

test('an idle site is started by a connection alone, and only one that runs or is frozen becomes idle', () => {
  assert.deepEqual(leads('wake'), { idle: 'booting', finished: 'booting' });
  assert.deepEqual(leads('rest'), { filling: 'idle', running: 'idle', frozen: 'idle' });
});

test('only a site that runs is frozen, and it runs when it is thawed', () => {
  assert.deepEqual(leads('freeze'), { running: 'frozen' });
  assert.deepEqual(leads('thaw'), { frozen: 'running' });
});

test('a frozen site one of whose workers has ended is frozen no more', () => {
  const step = (event: SiteEvent): string => NEXT.frozen[event];
  assert.deepEqual(
    [step('workers-none'), step('workers-ready'), step('workers-failed'), step('workers-settled')],
    ['retrying', 'running', 'errored', 'frozen'],
  );
});

test('each status is that of some state, and a connection waits in vain just where no worker will come', () => {
  const vain = STATES.filter((state) => SITE_STATES[state].serves === 'never');
  assert.deepEqual(vain, ['blocked', 'finished', 'errored', 'stopping', 'stopped']);
});

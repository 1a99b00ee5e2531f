import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHOWN_SITE_STATES } from '@vhostd/protocol';
import { isSiteState, SITE_STATES, SiteStateMachine } from './site-state.js';
import type { SiteEvent, SiteState, SiteStateChange } from './site-state.js';

const STATES = Object.keys(SITE_STATES) as SiteState[];
const EVENTS = Object.keys(SITE_STATES.loaded.next) as SiteEvent[];

/** The states that an event leads to, from wherever it changes anything. */
function leads(event: SiteEvent): Record<string, string> {
  const steps = STATES.map((state) => [state, SITE_STATES[state].next[event]] as const);
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
      const step = SITE_STATES[state as SiteState].next[event];
      return !isSiteState(step) || step === state;
    });
    assert.equal(stays, event !== 'workers-gone' && event !== 'start', event);
  }
  assert.equal(SITE_STATES.stopping.next.start, 'being-stopped');
});

test('every state but those at rest can be stopped, and ends stopped', () => {
  for (const state of STATES.filter((other) => other !== 'stopped')) {
    assert.equal(SITE_STATES[state].next.stop, 'stopping');
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
  const followed = STATES.filter((state) => SITE_STATES[state].next.reload === 'at-work');
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
  const step = (event: SiteEvent): string => SITE_STATES.frozen.next[event];
  assert.deepEqual(
    [step('workers-none'), step('workers-ready'), step('workers-failed'), step('workers-settled')],
    ['retrying', 'running', 'errored', 'frozen'],
  );
});

test('each status is that of some state, and a connection waits in vain just where no worker will come', () => {
  const vain = STATES.filter((state) => SITE_STATES[state].serves === 'never');
  assert.deepEqual(vain, ['blocked', 'finished', 'errored', 'stopping', 'stopped']);
});

test('what the status shows of a state promises no more than a connection finds', () => {
  for (const state of STATES) {
    const { serves, status, life } = SITE_STATES[state];
    const { reach, verdict } = SHOWN_SITE_STATES[status];
    if (serves === 'never') assert.equal(reach, 'no', state);
    if (reach === 'always' || reach === 'by-worker') assert.equal(serves, 'now', state);
    if (verdict === 'fine') assert.ok(['begun', 'serving'].includes(life), state);
    if (verdict === 'off') assert.equal(life, 'ending', state);
  }
});

test('spares and a time of its own are for a state in which nothing else is at work', () => {
  for (const state of STATES) {
    const { spares, cron, life, boots } = SITE_STATES[state];
    if (spares === 'kept' || cron !== 'none') assert.notEqual(boots, 'awaited', state);
    if (life !== 'begun' && life !== 'serving')
      assert.deepEqual([spares, cron, boots], ['none', 'none', 'no'], state);
  }
});

// The life of a slot on a fake machine: requests, limits, what it holds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bringTo, makeBench } from './bench.test.kit.js';
import { isChildState, isResting, NEXT } from './child-state.js';
import type { ChildRequest, ChildState } from './child-state.js';
import { FakeProcess } from './fake-os.test.kit.js';

const IMMORTAL = { make: (number: number) => new FakeProcess(number, []) };

void test('a child is spawned, boots, gets ready, is stopped', async () => {
  const { child, os, current, log } = makeBench();
  assert.equal(child.state, 'idle');
  assert.equal(child.start(), 'ok');
  assert.equal(child.pid, 1);
  os.advance(40);
  assert.equal(child.uptimeMs, 40);
  assert.equal(child.markReady(), 'ok');
  const stopped = child.stop();
  current().exit(0);
  assert.equal(await stopped, 'exited');
  assert.deepEqual(log, [
    'idle start booting',
    'spawned 1',
    'booting ready ready',
    'ready stop stopping',
    'exit 0',
    'stopping rest exited',
  ]);
  assert.deepEqual(
    [child.pid, child.uptimeMs, child.restartCount, child.reason],
    [undefined, 0, 0, { what: 'exit', code: 0, signal: null, message: 'exited with code 0' }],
  );
  assert.deepEqual(os.pendingRefs, []);
});

void test('each request in each state does what the table says, and says so', async () => {
  const requests: Record<ChildRequest, (child: ReturnType<typeof makeBench>['child']) => unknown> = {
    start: (child) => child.start(),
    ready: (child) => child.markReady(),
    fail: (child) => child.fail('broken'),
    stop: (child) => void child.stop(),
    kill: (child) => void child.stop({ now: true }),
  };
  for (const state of Object.keys(NEXT).filter(isState)) {
    for (const request of Object.keys(requests).filter(isRequest)) {
      const bench = makeBench(IMMORTAL);
      bringTo(bench, state);
      assert.equal(bench.child.state, state);
      const step = NEXT[state][request];
      const answer = requests[request](bench.child);
      const expected = isChildState(step) ? step : state;
      assert.equal(bench.child.state, expected, `${state} ${request}`);
      if (answer !== undefined) assert.equal(answer, isChildState(step) ? 'ok' : step, `${state} ${request}`);
      assert.equal(
        bench.os.pendingRefs.length === 0,
        bench.child.state === 'ready' || isResting(bench.child.state),
      );
    }
  }
});

void test('a stop without a process says so, and ends a backoff', async () => {
  for (const state of ['idle', 'backoff', 'errored', 'exited'] as const) {
    const bench = makeBench(IMMORTAL);
    bringTo(bench, state);
    assert.equal(await bench.child.stop(), 'no-process');
    const count = bench.processes.length;
    bench.os.advance(120_000);
    assert.equal(bench.processes.length, count);
    assert.deepEqual(bench.os.pendingRefs, []);
  }
});

void test('the time of a backoff keeps this process alive, waiting for a child to boot does not', () => {
  for (const [state, ref] of [
    ['backoff', true],
    ['booting', false],
  ] as const) {
    const bench = makeBench(IMMORTAL);
    bringTo(bench, state);
    assert.deepEqual(bench.os.pendingRefs, [ref], state);
  }
});

void test('a child that is not ready in time is terminated, killed if need be, and counts as a failed start', () => {
  const { child, os, current, log } = makeBench({
    bootTimeoutMs: 500,
    whyNotReady: () => 'no server',
    restart: { intensity: 0 },
    shutdown: { termMs: 50 },
    make: (number) => new FakeProcess(number, ['SIGKILL']),
  });
  child.start();
  os.advance(500);
  assert.deepEqual(current().received, ['SIGTERM']);
  assert.equal(child.markReady(), 'being-stopped');
  os.advance(50);
  assert.equal(child.state, 'errored');
  assert.equal(child.reason?.what, 'boot-limit');
  assert.match(
    child.reason?.message ?? '',
    /^not ready within 500 ms: no server; was ended by SIGKILL; gave up/,
  );
  assert.deepEqual(log.slice(2), [
    'booting boot-limit stopping',
    'stopping term-limit killing',
    'exit SIGKILL',
    'killing give-up errored',
    'errored',
  ]);
});

void test('getting ready ends the boot limit', () => {
  const { child, os, current } = makeBench({ bootTimeoutMs: 500 });
  child.start();
  os.advance(499);
  child.markReady();
  os.advance(3_600_000);
  assert.equal(child.state, 'ready');
  assert.deepEqual(current().received, []);
});

void test('a child that its owner declares broken is replaced, and the reason names the fault', () => {
  for (const now of [false, true]) {
    const { child, os, current, processes } = makeBench();
    child.start();
    child.markReady();
    assert.equal(child.fail('no heartbeat for 5000 ms', { now }), 'ok');
    const [first] = processes;
    assert.deepEqual(first?.received, [now ? 'SIGKILL' : 'SIGTERM']);
    assert.match(child.reason?.message ?? '', /^no heartbeat for 5000 ms; was ended by SIG/);
    os.advance(100);
    assert.equal(current().pid, 2);
    assert.equal(child.restartCount, 1);
  }
});

void test('an error of a living process is reported and changes nothing', () => {
  const { child, current, log } = makeBench();
  child.start();
  child.markReady();
  current().fail(new Error('write EPIPE'));
  assert.equal(child.state, 'ready');
  assert.equal(log.at(-1), 'fault write EPIPE');
});

void test('options out of range are refused by name', () => {
  for (const options of [{ bootTimeoutMs: 0 }, { restart: { intensity: 0.5 } }]) {
    assert.throws(() => makeBench(options), { code: 'ERR_SUPERVISOR_OPTION' });
  }
});

function isState(name: string): name is ChildState {
  return Object.hasOwn(NEXT, name);
}

function isRequest(name: string): name is ChildRequest {
  return Object.hasOwn(NEXT.idle, name);
}

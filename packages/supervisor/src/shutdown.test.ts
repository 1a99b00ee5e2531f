// How a process is made to leave, rung by rung.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bringTo, makeBench } from './bench.test.kit.js';
import { FakeProcess } from './fake-os.test.kit.js';
import { resolveShutdownLimits, SHUTDOWN_LADDER } from './shutdown.js';
import type { ShutdownRung } from './shutdown.js';

const LIMITS = { softMs: 3000, termMs: 200, reapMs: 100 };

void test('the ladder leads from asking to SIGKILL, each rung with its own limit', () => {
  const rungs: ShutdownRung[] = ['ask'];
  for (const rung of rungs) {
    const { next } = SHUTDOWN_LADDER[rung];
    if (!rungs.includes(next)) rungs.push(next);
  }
  assert.deepEqual(rungs, ['ask', 'SIGTERM', 'SIGKILL']);
  assert.equal(new Set(rungs.map((rung) => SHUTDOWN_LADDER[rung].limit)).size, 3);
});

void test('a child that is asked and leaves gets no signal', async () => {
  const { child, os, current, log } = makeBench({ shutdown: LIMITS });
  child.start();
  child.markReady();
  const stopped = child.stop();
  os.advance(2999);
  assert.deepEqual(current().received, ['ask']);
  current().exit(0);
  assert.equal(await stopped, 'exited');
  assert.equal(child.state, 'exited');
  assert.deepEqual(os.pendingRefs, []);
  os.advance(60_000);
  assert.deepEqual(current().received, ['ask']);
  assert.deepEqual(log.slice(-3), ['ready stop stopping', 'exit 0', 'stopping rest exited']);
});

void test('a child that was never ready has nothing to finish: it gets SIGTERM after unreadyMs', async () => {
  for (const [ready, expectedMs] of [
    [false, 50],
    [true, LIMITS.softMs],
  ] as const) {
    const { child, os, current } = makeBench({ shutdown: { ...LIMITS, unreadyMs: 50 } });
    child.start();
    if (ready) child.markReady();
    const stopped = child.stop();
    os.advance(expectedMs - 1);
    assert.deepEqual(current().received, ['ask']);
    os.advance(1);
    assert.deepEqual(current().received, ['ask', 'SIGTERM']);
    assert.equal(await stopped, 'exited');
  }
});

void test('a child that does not listen gets SIGTERM after softMs and SIGKILL after termMs more', async () => {
  const { child, os, current, log } = makeBench({
    shutdown: LIMITS,
    make: (number) => new FakeProcess(number, ['SIGKILL']),
  });
  child.start();
  const stopped = child.stop();
  os.advance(2999);
  assert.deepEqual(current().received, ['ask']);
  os.advance(1);
  assert.deepEqual(current().received, ['ask', 'SIGTERM']);
  os.advance(199);
  assert.equal(child.state, 'stopping');
  os.advance(1);
  assert.deepEqual(current().received, ['ask', 'SIGTERM', 'SIGKILL']);
  assert.equal(await stopped, 'exited');
  assert.deepEqual(log.slice(-5), [
    'booting stop stopping',
    'stopping soft-limit stopping',
    'stopping term-limit killing',
    'exit SIGKILL',
    'killing rest exited',
  ]);
  assert.deepEqual(os.pendingRefs, []);
});

void test('without a soft stop the ladder begins with SIGTERM', () => {
  const fake = new FakeProcess(1, []);
  const { child, os } = makeBench({
    shutdown: LIMITS,
    spawn: () => ({
      pid: fake.pid,
      kill: (signal) => fake.kill(signal),
      onExit: (callback) => fake.onExit(callback),
      onError: (callback) => fake.onError(callback),
    }),
  });
  child.start();
  void child.stop();
  assert.deepEqual(fake.received, ['SIGTERM']);
  os.advance(200);
  assert.deepEqual(fake.received, ['SIGTERM', 'SIGKILL']);
});

void test('a soft stop that throws is followed by SIGTERM at once and reported', () => {
  const fake = new FakeProcess(1);
  const { child, log } = makeBench({
    shutdown: LIMITS,
    spawn: () =>
      Object.assign(fake, {
        softStop: () => {
          throw new Error('channel closed');
        },
      }),
  });
  child.start();
  void child.stop();
  assert.deepEqual(fake.received, ['SIGTERM']);
  assert.equal(child.state, 'exited');
  assert.ok(log.includes('fault channel closed'), log.join('\n'));
});

void test('a failure that allows no delay kills a process that is being stopped, and what follows stays', () => {
  const make = (number: number): FakeProcess => new FakeProcess(number, ['SIGKILL']);
  const failed = makeBench({ shutdown: LIMITS, make, backoff: { baseMs: 100 } });
  failed.child.start();
  assert.equal(failed.child.fail('broken'), 'ok');
  assert.equal(failed.child.fail('broken for good', { now: true }), 'ok');
  assert.deepEqual(failed.processes[0]?.received, ['SIGTERM', 'SIGKILL']);
  failed.os.advance(100);
  assert.equal(failed.child.state, 'booting');

  const stopped = makeBench({ shutdown: LIMITS, make });
  stopped.child.start();
  void stopped.child.stop();
  assert.equal(stopped.child.fail('silent', { now: true }), 'ok');
  assert.deepEqual(stopped.current().received.at(-1), 'SIGKILL');
  stopped.os.advance(600_000);
  assert.equal(stopped.child.state, 'exited');
});

void test('stop now sends SIGKILL at once, also on any rung of a stop that is under way', async () => {
  for (const waitMs of [0, 1000, 3100]) {
    const { child, os, current } = makeBench({
      shutdown: LIMITS,
      make: (number) => new FakeProcess(number, ['SIGKILL']),
    });
    child.start();
    const first = child.stop();
    os.advance(waitMs);
    const second = child.stop({ now: true });
    assert.equal(current().received.at(-1), 'SIGKILL');
    assert.deepEqual(await Promise.all([first, second]), ['exited', 'exited']);
    assert.deepEqual(os.pendingRefs, []);
  }
  const { child, current } = makeBench();
  child.start();
  assert.equal(await child.stop({ now: true }), 'exited');
  assert.deepEqual(current().received, ['SIGKILL']);
});

void test('a second stop neither starts the ladder again nor puts off its limits', () => {
  const { child, os, current } = makeBench({
    shutdown: LIMITS,
    make: (number) => new FakeProcess(number, []),
  });
  child.start();
  void child.stop();
  os.advance(2000);
  void child.stop();
  os.advance(1000);
  assert.deepEqual(current().received, ['ask', 'SIGTERM']);
});

void test('a process that SIGKILL does not end is reported, killed again, and nobody takes its place', async () => {
  const { child, os, current, log, processes } = makeBench({
    shutdown: LIMITS,
    make: (number) => new FakeProcess(number, []),
  });
  child.start();
  const stopped = child.stop({ now: true });
  assert.equal(child.start(), 'being-stopped');
  os.advance(100);
  assert.equal(await stopped, 'stuck');
  os.advance(100);
  assert.deepEqual(
    log.filter((line) => line.startsWith('stuck')),
    ['stuck 1', 'stuck 1'],
  );
  assert.deepEqual(current().received, ['SIGKILL', 'SIGKILL', 'SIGKILL']);
  assert.equal(processes.length, 1);
  const asked = child.stop();
  current().exit(null, 'SIGKILL');
  assert.equal(await asked, 'exited');
  assert.equal(child.start(), 'ok');
  assert.equal(processes.length, 2);
});

void test('while a process is made to leave, the timer of its limit keeps this process alive', () => {
  for (const state of ['stopping', 'killing'] as const) {
    const bench = makeBench({ make: (number) => new FakeProcess(number, []) });
    bringTo(bench, state);
    assert.equal(bench.child.state, state);
    assert.deepEqual(bench.os.pendingRefs, [true]);
  }
});

void test('a limit out of range is refused by name', () => {
  for (const limits of [{ softMs: -1 }, { termMs: NaN }, { reapMs: 0 }, { softMs: Infinity }]) {
    assert.throws(() => resolveShutdownLimits(limits), { code: 'ERR_SUPERVISOR_OPTION' });
  }
});

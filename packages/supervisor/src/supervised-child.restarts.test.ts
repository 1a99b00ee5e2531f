// What a slot does after its process has ended or could not be spawned.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bringTo, makeBench } from './bench.test.kit.js';
import { FakeProcess } from './fake-os.test.kit.js';

const IMMORTAL = { make: (number: number) => new FakeProcess(number, []) };

void test('a storm is bounded by the policy, its gaps grow up to the cap, and it ends errored', () => {
  const { child, os, spawnTimes, log } = makeBench({
    restart: { intensity: 10, periodMs: 60_000 },
    backoff: { baseMs: 100, factor: 2, capMs: 5000 },
    make: (number) => {
      const made = new FakeProcess(number);
      os.setTimer(() => made.exit(1), 3, { ref: true });
      return made;
    },
  });
  child.start();
  os.advance(60_000);
  assert.equal(spawnTimes.length, 11);
  const gaps = spawnTimes.slice(1).map((time, index) => time - 3 - (spawnTimes[index] ?? NaN));
  assert.deepEqual(gaps, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
  assert.equal(child.state, 'errored');
  assert.equal(child.restartCount, 10);
  assert.equal(child.reason?.code, 1);
  assert.equal(child.reason?.message, 'exited with code 1; gave up after 10 restarts within 60 s');
  assert.deepEqual(log.slice(-3), ['exit 1', 'booting give-up errored', 'errored']);
  os.advance(3_600_000);
  assert.equal(spawnTimes.length, 11);
  assert.deepEqual(os.pendingRefs, []);
});

void test('with the defaults a storm ends errored within a minute', () => {
  const { child, os, spawnTimes } = makeBench({
    make: (number) => {
      const made = new FakeProcess(number);
      os.setTimer(() => made.exit(1), 50, { ref: true });
      return made;
    },
  });
  child.start();
  os.advance(60_000);
  assert.equal(child.state, 'errored');
  assert.equal(spawnTimes.length, 11);
});

void test('a process that ends before the spawn has returned is a storm like any other', () => {
  const { child, os, spawnTimes } = makeBench({
    restart: { intensity: 2 },
    make: (number) => {
      const made = new FakeProcess(number);
      made.onExit = (callback) => callback(1, null);
      return made;
    },
  });
  child.start();
  os.advance(60_000);
  assert.equal(spawnTimes.length, 3);
  assert.equal(child.state, 'errored');
});

void test('a start after giving up begins with a fresh history and the shortest delay', () => {
  const bench = makeBench(IMMORTAL);
  bringTo(bench, 'errored');
  assert.equal(bench.child.start(), 'ok');
  bench.current().exit(1);
  assert.equal(bench.child.state, 'backoff');
  const count = bench.processes.length;
  bench.os.advance(99);
  assert.equal(bench.processes.length, count);
  bench.os.advance(1);
  assert.equal(bench.processes.length, count + 1);
});

void test('a start during a backoff does not wait for its end, and there is one process', () => {
  const bench = makeBench(IMMORTAL);
  bringTo(bench, 'backoff');
  assert.equal(bench.child.start(), 'ok');
  assert.equal(bench.processes.length, 2);
  bench.os.advance(20_000);
  assert.equal(bench.processes.length, 2);
});

void test('a child that was ready long enough is restarted after the shortest delay again', () => {
  const { child, os, current, spawnTimes } = makeBench({ backoff: { baseMs: 100, resetAfterMs: 1000 } });
  child.start();
  for (const readyMs of [0, 999, 1000]) {
    child.markReady();
    os.advance(readyMs);
    current().exit(1);
    os.advance(1000);
    assert.equal(child.state, 'booting');
  }
  const gaps = [spawnTimes[1], spawnTimes[2], spawnTimes[3]].map((time) => time ?? NaN);
  assert.deepEqual(gaps, [100, 1000 + 999 + 200, 1000 + 1999 + 1000 + 100]);
});

void test('a spawn that throws is a failed start: it is tried again by policy and never thrown at the owner', () => {
  const { child, os, log, spawnTimes } = makeBench({
    restart: { intensity: 1 },
    make: () => {
      throw Object.assign(new Error('spawn ENOENT'), { code: 'ENOENT' });
    },
  });
  assert.equal(child.start(), 'ok');
  assert.equal(child.state, 'backoff');
  os.advance(60_000);
  assert.equal(child.state, 'errored');
  assert.equal(spawnTimes.length, 2);
  assert.equal(child.reason?.what, 'spawn-failed');
  assert.match(child.reason?.message ?? '', /^could not be spawned: spawn ENOENT; gave up after 1 restart /);
  assert.deepEqual(log, [
    'idle start booting',
    'spawn-failed',
    'booting respawn backoff',
    'backoff retry booting',
    'spawn-failed',
    'booting give-up errored',
    'errored',
  ]);
});

void test('for want of pids, memory or descriptors a child is never given up, and does not count what it cannot help', () => {
  let code: string | undefined = 'EAGAIN';
  const { child, os, current, processes } = makeBench({
    restart: { intensity: 2 },
    backoff: { baseMs: 100, capMs: 5000 },
    make: () => {
      const error = Object.assign(new Error(`spawn ${code}`), { code });
      if (code !== undefined) throw new Error('no process', { cause: error });
      return new FakeProcess(7, []);
    },
  });
  child.start();
  for (const next of ['EMFILE', 'ENOMEM', 'ENFILE', 'ENOSPC', undefined]) {
    os.advance(100_000);
    assert.equal(child.state, 'backoff');
    code = next;
  }
  assert.ok(child.restartCount > 50);
  os.advance(5000);
  assert.equal(child.state, 'booting');
  current().exit(1);
  os.advance(5000);
  assert.equal(child.state, 'booting');
  assert.equal(processes.length, 2);
});

void test('a spawn that reports an error later, without a pid, is a failed start, also while it is being stopped', async () => {
  const { child, current, log } = makeBench({ make: () => new FakeProcess(undefined, []) });
  child.start();
  current().fail(new Error('spawn ENOENT'));
  assert.equal(child.state, 'backoff');
  child.start();
  const stopped = child.stop();
  current().fail(new Error('spawn ENOENT'));
  assert.equal(await stopped, 'exited');
  assert.equal(child.state, 'exited');
  assert.ok(!log.some((line) => line.startsWith('exit ') || line.startsWith('spawned')), log.join('\n'));
});

void test('what an earlier process reports late does not touch the present one', () => {
  const { child, os, current, processes, log } = makeBench();
  child.start();
  const first = current();
  first.exit(1);
  os.advance(100);
  const before = [...log];
  first.exit(1);
  first.fail(new Error('channel closed'));
  assert.equal(child.pid, 2);
  assert.equal(processes.length, 2);
  assert.deepEqual(log, before);
});

void test('an end that is excused is no failed start: another child follows at once, uncounted', () => {
  let excused = 0;
  const { child, os, spawnTimes, log, current } = makeBench({
    restart: { intensity: 0 },
    excuses: ({ signal }) => signal === 'SIGKILL' && (excused += 1) === 1,
  });
  child.start();
  current().exit(null, 'SIGKILL');
  os.advance(0);
  assert.deepEqual([spawnTimes, child.state, child.restartCount], [[0, 0], 'booting', 0]);
  current().exit(null, 'SIGKILL');
  assert.deepEqual([excused, child.state], [2, 'errored'], 'the second one is not');
  assert.deepEqual(log.slice(0, 5), [
    'idle start booting',
    'spawned 1',
    'exit SIGKILL',
    'booting respawn backoff',
    'backoff retry booting',
  ]);
});

void test('nobody is asked to excuse the end of a child that was ready, was late, or was told to end', () => {
  const excuses = (): boolean => assert.fail('it was asked');
  const ready = makeBench({ excuses });
  ready.child.start();
  ready.child.markReady();
  ready.current().exit(1);
  assert.equal(ready.child.state, 'backoff');
  const late = makeBench({ excuses, bootTimeoutMs: 10 });
  late.child.start();
  late.os.advance(10);
  assert.equal(late.child.state, 'backoff');
  const stopped = makeBench({ excuses });
  stopped.child.start();
  void stopped.child.stop();
  stopped.current().exit(null, 'SIGKILL');
  assert.equal(stopped.child.state, 'exited');
});

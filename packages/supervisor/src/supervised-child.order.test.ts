// A slot stays whole whatever is asked and happens in whatever order, from within its own callbacks too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench } from './bench.test.kit.js';
import { isResting } from './child-state.js';
import { FakeProcess } from './fake-os.test.kit.js';

const IMMORTAL = { make: (number: number) => new FakeProcess(number, []) };

void test('a listener may ask for more, and every listener hears of all steps in order', () => {
  const { child, log, current, os } = makeBench(IMMORTAL);
  const second: string[] = [];
  child.on('state', ({ event }) => {
    if (event === 'ready') void child.stop({ now: true });
    if (event === 'rest') child.start();
  });
  child.on('state', ({ from, event, to }) => second.push(`${from} ${event} ${to}`));
  child.start();
  child.markReady();
  current().exit(null, 'SIGKILL');
  assert.deepEqual(second, [
    'idle start booting',
    'booting ready ready',
    'ready kill killing',
    'killing rest exited',
    'exited start booting',
  ]);
  assert.deepEqual(
    log.filter((line) => line.split(' ').length === 3),
    second,
  );
  assert.equal(os.pendingRefs.length, 1);
});

void test('a listener finds the slot settled, also when the spawn call itself asked for something', () => {
  const pids: (number | undefined)[] = [];
  const { child } = makeBench({
    make: (number) => {
      child.markReady();
      return new FakeProcess(number);
    },
  });
  child.on('state', () => pids.push(child.pid));
  child.start();
  assert.equal(child.state, 'ready');
  assert.deepEqual(pids, [1, 1]);
});

void test('a stop from within the spawn call reaches the process that the call returns', async () => {
  for (const now of [false, true]) {
    const { child, current } = makeBench({
      make: (number) => {
        void child.stop({ now });
        return new FakeProcess(number, ['ask', 'SIGKILL']);
      },
    });
    child.start();
    assert.deepEqual(current().received.at(-1), now ? 'SIGKILL' : 'ask');
    assert.equal(child.state, 'exited');
  }
});

void test('a soft stop that ends in a harder one leaves the ladder on the higher rung', () => {
  const { child, os, log } = makeBench({ make: (number) => make(number) });
  const made: FakeProcess[] = [];
  const make = (number: number): FakeProcess => {
    const process = Object.assign(new FakeProcess(number, []), {
      softStop: () => void child.stop({ now: true }),
    });
    made.push(process);
    return process;
  };
  child.start();
  void child.stop();
  assert.equal(child.state, 'killing');
  assert.deepEqual(made[0]?.received, ['SIGKILL']);
  os.advance(5000);
  assert.equal(log.at(-1), 'stuck 1');
  assert.equal(os.pendingRefs.length, 1);
});

void test('whatever is asked and happens in whatever order, there is one process at most and nothing is left after a stop', async () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomFrom(seed);
    const pick = <T>(items: readonly [T, ...T[]]): T =>
      items[Math.floor(random() * items.length)] ?? items[0];
    const { child, os, processes, log } = makeBench({
      bootTimeoutMs: 300,
      backoff: { baseMs: 10, capMs: 500 },
      shutdown: { softMs: 100, termMs: 100, reapMs: 100 },
      restart: { intensity: 3, periodMs: 2000 },
      make: (number) => {
        if (random() < 0.1) throw new Error('spawn EAGAIN');
        const pid = random() < 0.1 ? undefined : number;
        return new FakeProcess(pid, pick([[], ['ask'], ['SIGTERM'], ['SIGKILL'], ['SIGTERM', 'SIGKILL']]));
      },
    });
    const living = (): FakeProcess[] => processes.filter((each) => !each.ended);
    const actions: readonly [() => unknown, ...(() => unknown)[]] = [
      () => child.start(),
      () => child.markReady(),
      () => child.markReady(),
      () => child.fail('broken', { now: random() < 0.5 }),
      () => void child.stop({ now: random() < 0.3 }),
      () => living()[0]?.exit(random() < 0.5 ? 0 : 1),
      () => living()[0]?.exit(null, 'SIGSEGV'),
      () => living()[0]?.fail(new Error('trouble')),
      () => os.advance(random() * 400),
      () => os.advance(random() * 40),
    ];
    for (let step = 0; step < 200; step += 1) {
      pick(actions)();
      const trace = `seed ${seed} step ${step}\n${log.join('\n')}`;
      assert.ok(living().length <= 1, trace);
      assert.equal(child.pid, living()[0]?.pid, trace);
      const timerCount = isResting(child.state) || child.state === 'ready' ? 0 : 1;
      assert.equal(os.pendingRefs.length, timerCount, trace);
    }
    const stopped = child.stop({ now: true });
    living()[0]?.exit(null, 'SIGKILL');
    assert.notEqual(await stopped, 'stuck');
    assert.ok(isResting(child.state));
    assert.deepEqual(os.pendingRefs, []);
    const count = (prefix: string): number => log.filter((line) => line.startsWith(prefix)).length;
    assert.equal(count('spawned '), count('exit '), log.join('\n'));
  }
});

/** Numbers from 0 to below 1, the same for the same seed (mulberry32's constants). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadingShare } from '@vhostd/transport';
import { UpdateTurns } from './update-turns.js';

const STAYS = new AbortController().signal;

function turns(burstMs = Infinity): UpdateTurns {
  return new UpdateTurns(new ReadingShare({ burstMs, part: 0.5, excess: new Map() }));
}

test('updates run one after the other, in order, whatever becomes of each', async () => {
  const updates = turns();
  const log: string[] = [];
  const run = (name: string): Promise<string> =>
    updates.run({}, STAYS, async () => {
      log.push(`${name} begins`);
      await new Promise(setImmediate);
      log.push(`${name} ends`);
      if (name === 'b') throw new Error('refused');
      return name;
    });
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map(run));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(
    log,
    ['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

test('the event loop turns between two updates', async () => {
  const updates = turns();
  let turnCount = 0;
  let busy = true;
  const count = (): void => {
    turnCount += 1;
    if (busy) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all(Array.from({ length: 20 }, () => updates.run({}, STAYS, async () => null)));
  busy = false;
  assert.ok(turnCount >= 20, String(turnCount));
});

test('an update waits until the share of its site has paid for those before', async () => {
  const updates = turns(0);
  const startMs = performance.now();
  await updates.run({ listen: Array.from({ length: 160 }, () => ({})) }, STAYS, async () => null);
  await updates.run({}, STAYS, async () => null);
  // 2 ms and 160 times 0.05 ms, of which half of the time pays.
  assert.ok(performance.now() - startMs >= 20 - 1);
});

test('an update of a worker that is gone by its turn is dropped', async () => {
  const updates = turns();
  const gone = new AbortController();
  const first = updates.run({}, STAYS, async () => gone.abort());
  await assert.rejects(
    updates.run({}, gone.signal, () => Promise.reject(new Error('it ran'))),
    { code: 'ERR_CALL_LOST' },
  );
  await first;
});

test('more updates than a site can have workers are refused', async () => {
  const updates = turns();
  const accepted = Array.from({ length: 1024 }, () => updates.run({}, STAYS, async () => null));
  await assert.rejects(
    updates.run({}, STAYS, async () => null),
    { code: 'ERR_CALL_TOO_MANY' },
  );
  await Promise.all(accepted);
});

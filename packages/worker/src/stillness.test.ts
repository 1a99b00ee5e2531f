import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Stillness } from './stillness.js';
import type { StillnessParts } from './stillness.js';

interface Scene {
  stillness: Stillness;
  intake: { count: number; reportedCount: number };
  handBacks: { pendingCount: number };
}

/** A worker without connections that can be handed back; time passes when its test says so. */
function setScene(t: TestContext, server = createServer()): Scene {
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => nowMs);
  const intake = { count: 0, reportedCount: 0 };
  const handBacks = { pendingCount: 0 };
  const parts = {
    intake: {
      connectionCount: () => intake.count,
      reportCount: () => void (intake.reportedCount += 1),
    },
    handBacks,
    migration: () => undefined,
    server: () => server,
  } as unknown as StillnessParts;
  const stillness = new Stillness(parts);
  nowMs += 50;
  return { stillness, intake, handBacks };
}

test('a worker has been quiet since it was last busy, and not at all while it is', async (t) => {
  const { stillness, intake, handBacks } = setScene(t);
  const quietMs = (): number => stillness.quiet(true).quietMs;
  assert.equal(quietMs(), 50);
  // One that can't be handed back.
  intake.count = 1;
  assert.equal(quietMs(), 0);
  intake.count = 0;
  handBacks.pendingCount = 1;
  assert.equal(quietMs(), 0);
  handBacks.pendingCount = 0;
  assert.equal(quietMs(), 50);
  let end: () => void = () => undefined;
  const work = stillness.during(() => new Promise<void>((resolve) => (end = resolve)));
  assert.equal(quietMs(), 0);
  end();
  await work;
  // Now, and for no time: it has just ended.
  assert.equal(quietMs(), 0);
});

test('how long its server keeps connections is told, for ever as 0', (t) => {
  const server = createServer();
  const { stillness } = setScene(t, server);
  server.keepAliveTimeout = 7000;
  Reflect.set(server, 'keepAliveTimeoutBuffer', 500);
  assert.equal(stillness.quiet(true).keepAliveMs, 7500);
  server.keepAliveTimeout = 0;
  assert.equal(stillness.quiet(true).keepAliveMs, 0);
});

test('it tells how many connections it has before it says that it may be stopped', async (t) => {
  const { stillness, intake, handBacks } = setScene(t);
  intake.count = 2;
  handBacks.pendingCount = 1;
  assert.deepEqual(await stillness.standStill(false), { connectionCount: 3 });
  assert.equal(intake.reportedCount, 1);
});

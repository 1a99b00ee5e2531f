// Sites that join a serving one, many at once: their workers boot one behind the other, and whoever serves goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Load } from '../../kit/load.js';
import { startVhostd } from '../../kit/start-vhostd.js';

const JOINING_COUNT = 40;
/** Of those that are sent all the while. A master that starts all in one go answers none. */
const ANSWERED_MIN_COUNT = 10;

test(`${JOINING_COUNT} sites join by a reload, and the one that serves is answered all the while`, async (t) => {
  const serving = { siteId: 'a', cpuLen: 1 };
  const vhostd = await startVhostd(t, { daemon: true, sites: [serving] });
  const answeredMs: number[] = [];
  const load = new Load({
    port: await vhostd.port(),
    host: 'a.test',
    connections: 'fresh',
    onAttempt: () => answeredMs.push(Date.now()),
  });
  await load.flowing;
  const joining = Array.from({ length: JOINING_COUNT }, (_, index) => ({ siteId: `s${index}`, cpuLen: 1 }));
  vhostd.configure([serving, ...joining]);
  await vhostd.reloaded();
  const { master } = await vhostd.ready();
  const outcome = await load.stop();
  outcome.assertNothingLost();
  const forkedMs = vhostd
    .logged('worker.spawned')
    .filter(({ siteId }) => siteId !== 'a')
    .map(({ time }) => Date.parse(String(time)));
  assert.equal(forkedMs.length, JOINING_COUNT);
  const first = Math.min(...forkedMs);
  const last = Math.max(...forkedMs);
  const between = answeredMs.filter((ms) => ms > first && ms < last).length;
  t.diagnostic(`${between} answers in the ${last - first} ms of the forks`);
  assert.ok(between >= ANSWERED_MIN_COUNT, `${between} answers between the first fork and the last`);
  // Its heartbeat was heard.
  assert.equal(master?.restarts, 0);
});

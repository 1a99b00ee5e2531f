// Where the system has no descriptors left for another process, what has ended is started as soon as it has: nothing is
// given up for want of what others hold.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { limitDescriptors } from '../../kit/limit-descriptors.js';
import { startVhostd } from '../../kit/start-vhostd.js';

const FAILURES = 8;

test('a worker that dies while descriptors are short has a successor when there are some again', async (t) => {
  const restart = { intensity: 2, backoffMin: '10ms', backoffMax: '50ms' };
  const vhostd = await startVhostd(t, { sites: [{ siteId: 'a', cpuLen: 2, restart }, { siteId: 'b' }] });
  await vhostd.ready('a', 2);
  const port = await vhostd.port();
  const [worker] = await vhostd.workers('a');
  // Those that are open stay; a new one has a number above the limit.
  await limitDescriptors(vhostd.pid, 4);
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  await vhostd.until('it could not be started again and again', ({ sites: [a] }) =>
    (a?.workers ?? []).some(({ restarts }) => restarts >= FAILURES),
  );
  assert.equal((await vhostd.site('a')).state, 'running');
  await limitDescriptors(vhostd.pid, 4096);
  await vhostd.ready('a', 2);
  for (const host of ['a.test', 'b.test']) assert.equal((await get(port, host)).status, 200);
});

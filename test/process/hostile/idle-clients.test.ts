// Clients that connect and say nothing, or never end what they say, in such numbers that descriptors or memory would run
// out: the oldest of them make room, and a good client is served.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { crowd } from '../../kit/crowd.js';
import { Load } from '../../kit/load.js';
import { limitDescriptors } from '../../kit/limit-descriptors.js';
import { descriptorCount, residentBytes } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';

const IDLE_CLIENTS = 3000;
const DESCRIPTORS = 600;
const SERVED_MIN_PART = 0.99;

for (const [what, said] of [
  ['say nothing', ''],
  ['begin a head', 'GET / HTTP/1.1\r\nHost: a.test\r\nX-Slow: '],
] as const) {
  test(`${IDLE_CLIENTS} clients that ${what} leave room for a good one, with ${DESCRIPTORS} descriptors`, async (t) => {
    const vhostd = await startVhostd(t, { sites: [{ siteId: 'a' }, { siteId: 'b' }] });
    const port = await vhostd.port();
    await limitDescriptors(vhostd.pid, DESCRIPTORS);
    const good = new Load({ port, host: 'b.test', connections: 'fresh', clientCount: 2, pauseMaxMs: 20 });
    atEnd(t, () => good.stop());
    const idle = crowd(t, port, IDLE_CLIENTS, said);
    await good.progress(100);
    await good.until('all idle clients have come', () => idle.opened >= IDLE_CLIENTS);
    await good.progress(100);
    t.diagnostic(
      `the master has ${descriptorCount(vhostd.pid)} descriptors; ${idle.ended} idle clients have been ended`,
    );
    // What a master out of descriptors could not do.
    assert.equal((await vhostd.reload('b')).sites[0]?.ok, true);
    await good.progress(50);
    const { counts, lostCount } = await good.stop();
    t.diagnostic(String(good.outcome));
    assert.ok(counts.ok / (counts.ok + lostCount) >= SERVED_MIN_PART, String(good.outcome));
    assert.ok(idle.ended > 0);
  });
}

test('heads that never end hold so many bytes and no more', async (t) => {
  const key = { port: 0, ipaddress: '127.0.0.1' };
  const vhostd = await startVhostd(t, {
    conf: { limits: { headTimeout: '60s', helloMaxSize: '128kb', peekMaxSize: '8mb' } },
    sites: [{ siteId: 'a', listen: [key] }],
  });
  const port = await vhostd.port();
  const before = residentBytes(vhostd.pid);
  const idle = crowd(
    t,
    port,
    IDLE_CLIENTS,
    `GET / HTTP/1.1\r\n${`X-Slow: ${'y'.repeat(100)}\r\n`.repeat(100)}`,
  );
  const good = new Load({ port, host: 'a.test', connections: 'fresh', pauseMaxMs: 20 });
  atEnd(t, () => good.stop());
  await good.until('all have come', () => idle.opened >= IDLE_CLIENTS);
  await vhostd.until(
    'most have made room',
    ({ counts }) => (counts.refusedReasons['peek-full'] ?? 0) > IDLE_CLIENTS / 2,
  );
  await good.progress(50);
  await good.stop();
  t.diagnostic(`the master grew by ${(residentBytes(vhostd.pid) - before) >> 20} MB`);
  good.outcome.assertNothingLost('the good client');
});

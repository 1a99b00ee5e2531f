// Where nothing can look at descriptors, no connection is handed back: a draining worker tells its clients with their
// next response that their connection ends, closes what is idle, and no request is lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { Load } from '../../kit/load.js';
import { startVhostd } from '../../kit/start-vhostd.js';

test('a reload without hand-backs loses no request', async (t) => {
  process.env['VHOSTD_FFI'] = 'off';
  const vhostd = await startVhostd(t, {
    conf: { handoff: 'pipe' },
    sites: [{ siteId: 'a', cpuLen: 2, drainTimeout: '30s' }],
  });
  const port = await vhostd.port();
  const load = new Load({ port, host: 'a.test', connections: 'kept', clientCount: 8, pauseMaxMs: 5 });
  atEnd(t, () => load.stop());
  for (let count = 0; count < 3; count += 1) {
    const wanted = load.outcome.counts.ok + 100;
    await vhostd.until('requests are answered', () => load.outcome.counts.ok >= wanted);
    await vhostd.reloaded('a');
  }
  await load.stop();
  const { counts } = await vhostd.status();
  t.diagnostic(String(load.outcome));
  load.outcome.assertNothingLost('the site');
  assert.deepEqual([counts.handedBack, counts.violations], [0, 0]);
});

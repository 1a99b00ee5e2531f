// The user that one site's workers run as is no other site's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';

function site(siteId: string, options: Partial<SiteOptions> = {}): SiteOptions {
  return {
    siteId,
    restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
    ...options,
  };
}

test('a site that names no user is not forked as the one that another site names', async (t) => {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  const vhostd = await startVhostd(t, {
    commands: new URL('./cluster.commands.js', import.meta.url),
    sites: [site('named', { workerOptions: { uid, gid } }), site('unnamed')],
  });
  for (const siteId of ['named', 'unnamed']) {
    const [before] = await vhostd.workers(siteId);
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await vhostd.until('it is restarted', ({ sites }) => {
      const worker = sites.find((other) => other.siteId === siteId)?.workers[0];
      return worker?.state === 'ready' && worker.pid !== before?.pid;
    });
    const expected = siteId === 'named' ? { uid, gid } : { uid: null, gid: null };
    assert.deepEqual(await vhostd.ask('lastFork'), expected, siteId);
  }
});

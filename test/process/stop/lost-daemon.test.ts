// A daemon that is killed while it stops: the command does not say that all has stopped, since master and workers go
// on until they are done.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HeldRequest } from '../../kit/held-request.js';
import { isAlive } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';

void it('vhostd stop tells that its daemon died, and not that all has stopped', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', drainTimeout: '60s' }] });
  const { daemon, master } = await vhostd.serves();
  const request = await HeldRequest.begin(await vhostd.port(), 'a.test');
  await vhostd.until('the request is in work', ({ counts }) => counts?.handedOff === 1);
  const stopping = vhostd.run('stop');
  await vhostd.until('the worker drains', ({ sites }) => sites[0]?.workers[0]?.state === 'draining');
  process.kill(daemon.pid, 'SIGKILL');
  const { code, stdout, stderr } = await stopping;
  t.diagnostic(stderr.trim());
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(
    stderr,
    new RegExp(`^vhostd: the daemon died .*process ${master?.pid}, .*\\(ERR_DAEMON_LOST\\)\n`),
  );
  assert.equal(isAlive(master?.pid ?? 0), true);
  assert.equal((await request.finish()).siteId, 'a');
  await vhostd.gone();
});

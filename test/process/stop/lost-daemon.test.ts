// A daemon that is killed while it stops: the command does not say that all has stopped, since master and workers go
// on until they are done.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HeldRequest } from '../../kit/held-request.js';
import { HOST, LastingRig, portOf, serves } from '../../kit/lasting-rig.js';
import { isAlive } from '../../kit/processes.js';

void it('vhostd stop tells that its daemon died, and not that all has stopped', async (t) => {
  const rig = await LastingRig.start(t, { cpuLen: 1, site: { drainTimeout: '60s' } });
  const status = await rig.until('the site serves', serves);
  const { daemon, master } = status;
  const request = await HeldRequest.begin(portOf(status), HOST);
  await rig.until('the request is in work', ({ counts }) => counts?.handedOff === 1);
  const stopping = rig.command('stop');
  await rig.until('the worker drains', ({ sites }) => sites[0]?.workers[0]?.state === 'draining');
  process.kill(daemon.pid, 'SIGKILL');
  const { code, stdout, stderr } = await stopping;
  t.diagnostic(stderr.trim());
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(
    stderr,
    new RegExp(`^vhostd: the daemon died .*process ${master?.pid}, .*\\(ERR_DAEMON_LOST\\)\n$`),
  );
  assert.equal(isAlive(master?.pid ?? 0), true);
  assert.equal((await request.finish()).siteId, 'a');
  await rig.gone();
});

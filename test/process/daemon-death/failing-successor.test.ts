// A successor that cannot come up, and one whose place another daemon has taken.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OWN_DAEMON, OwnProgram, ownProgram } from '../../kit/own-program.js';
import { Load } from '../../kit/load.js';
import { isAlive } from '../../kit/processes.js';
import { portOf, serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const HOST = 'a.test';

void it('a daemon program of a user that comes up again only after its file was repaired', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, program: ownProgram, sites: [{ siteId: 'a' }] });
  const first = await vhostd.serves();
  const fresh = new Load({ port: portOf(first), host: HOST, connections: 'fresh', pauseMaxMs: 10 });
  new OwnProgram(vhostd.dir).breakDaemon();
  process.kill(first.daemon.pid, 'SIGKILL');
  await vhostd.logs('daemon.ended', 3);
  assert.equal(await vhostd.statusNow(), undefined);
  await fresh.progress(50);
  new OwnProgram(vhostd.dir).repair();
  const status = await vhostd.until('another daemon answers', serves);
  assert.deepEqual([status.master?.pid, workerPids(status)], [first.master?.pid, workerPids(first)]);
  await fresh.progress(50);
  const outcome = await fresh.stop();
  t.diagnostic(String(outcome));
  outcome.assertNothingLost();
  const events = (pid: number): string[] =>
    vhostd.output
      .split('\n')
      .flatMap((line) => (line.startsWith(`${pid} `) ? line.slice(`${pid} `.length) : []));
  assert.deepEqual(events(first.daemon.pid), ['master::spawned', 'master::ready', 'loaded']);
  assert.deepEqual(events(status.daemon.pid).toSorted(), ['loaded', 'master::adopted', 'master::ready']);
  await vhostd.stop();
});

void it('a master leaves its listeners to the daemon that has taken the run directory', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, program: ownProgram, sites: [{ siteId: 'a' }] });
  const first = await vhostd.serves();
  const port = portOf(first);
  new OwnProgram(vhostd.dir).breakDaemon();
  process.kill(first.daemon.pid, 'SIGKILL');
  await until('the daemon is dead', () => ({ done: !isAlive(first.daemon.pid), value: undefined }));
  // The same site on the same port, by a daemon that knows nothing of the orphaned master.
  vhostd.change('a', { listen: [{ host: HOST, port, ipaddress: '127.0.0.1' }] });
  const other = vhostd.start([OWN_DAEMON, vhostd.runDir, vhostd.confFile]);
  const waiting = await vhostd.until('its site waits', ({ sites }) => sites[0]?.reason !== undefined);
  assert.equal(waiting.daemon.pid, other.pid);
  assert.match(waiting.sites[0]?.reason ?? '', /EADDRINUSE/);
  new OwnProgram(vhostd.dir).repair();
  const status = await vhostd.until('its site serves', serves);
  assert.deepEqual([status.daemon.pid, portOf(status)], [other.pid, port]);
  assert.equal(status.sites[0]?.reason, undefined);
  await until('the orphaned master and its workers have left', () => {
    const value = [first.master?.pid ?? 0, ...workerPids(first)].filter((pid) => isAlive(pid));
    return { done: value.length === 0, value };
  });
  const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
  await fresh.progress(20);
  (await fresh.stop()).assertNothingLost();
  await vhostd.client.stop();
  assert.equal((await other.ended).code, 0);
  await vhostd.gone();
});

// A successor that cannot come up, and one whose place another daemon has taken.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { LastingRig, HOST, portOf, serves, workerPids } from '../../kit/lasting-rig.js';
import { OWN_DAEMON, ownProgram, programFile, repairProgram } from '../../kit/own-program.js';
import { ConnectLoad } from '../../kit/connect-load.js';
import { isAlive } from '../../kit/processes.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { until } from '../../kit/until.js';

void it('a daemon program of a user that comes up again only after its file was repaired', async (t) => {
  const rig = await LastingRig.start(t, { program: ownProgram, cpuLen: 1 });
  const first = await rig.until('the site serves', serves);
  const fresh = new ConnectLoad(portOf(first), HOST);
  writeFileSync(programFile(rig.dir, 'daemon.js'), 'this is no program');
  process.kill(first.daemon.pid, 'SIGKILL');
  await until('the master has tried several times', () => {
    const value = rig.output.match(/"event":"daemon\.ended"/g)?.length ?? 0;
    return { done: value >= 3, value };
  });
  assert.equal(await rig.status(), undefined);
  await fresh.progress(50);
  repairProgram(rig.dir);
  const status = await rig.until('another daemon answers', serves);
  assert.deepEqual([status.master?.pid, workerPids(status)], [first.master?.pid, workerPids(first)]);
  await fresh.progress(50);
  const { counts, lost, failures } = await fresh.stop();
  t.diagnostic(JSON.stringify(counts));
  assert.deepEqual(lost, NOTHING_LOST, failures.join('\n'));
  const events = (pid: number): string[] =>
    rig.output
      .split('\n')
      .flatMap((line) => (line.startsWith(`${pid} `) ? line.slice(`${pid} `.length) : []));
  assert.deepEqual(events(first.daemon.pid), ['master::spawned', 'master::ready', 'loaded']);
  assert.deepEqual(events(status.daemon.pid).toSorted(), ['loaded', 'master::adopted', 'master::ready']);
  await rig.client.stop();
  await rig.gone();
});

void it('a master leaves its listeners to the daemon that has taken the run directory', async (t) => {
  const rig = await LastingRig.start(t, { program: ownProgram, cpuLen: 1 });
  const first = await rig.until('the site serves', serves);
  const port = portOf(first);
  writeFileSync(programFile(rig.dir, 'daemon.js'), 'this is no program');
  process.kill(first.daemon.pid, 'SIGKILL');
  await until('the daemon is dead', () => ({ done: !isAlive(first.daemon.pid), value: undefined }));
  // The same site on the same port, by a daemon that knows nothing of the orphaned master.
  rig.configure({ listen: [{ host: HOST, port, ipaddress: '127.0.0.1' }] });
  const other = rig.run([OWN_DAEMON, rig.runDir, rig.config]);
  const waiting = await rig.until('its site waits', ({ sites }) => sites[0]?.reason !== undefined);
  assert.equal(waiting.daemon.pid, other.pid);
  assert.match(waiting.sites[0]?.reason ?? '', /EADDRINUSE/);
  repairProgram(rig.dir);
  const status = await rig.until('its site serves', serves);
  assert.deepEqual([status.daemon.pid, portOf(status)], [other.pid, port]);
  assert.equal(status.sites[0]?.reason, undefined);
  await until('the orphaned master and its workers have left', () => {
    const value = [first.master?.pid ?? 0, ...workerPids(first)].filter((pid) => isAlive(pid));
    return { done: value.length === 0, value };
  });
  const fresh = new ConnectLoad(port, HOST);
  await fresh.progress(20);
  assert.deepEqual((await fresh.stop()).lost, NOTHING_LOST);
  await rig.client.stop();
  assert.equal(await other.ended, 0);
  await rig.gone();
});

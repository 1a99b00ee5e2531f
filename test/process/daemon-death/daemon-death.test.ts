// A daemon that is killed under load: the master serves on and starts another one, and no client notices.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LastingRig, HOST, portOf, serves, workerPids } from '../../kit/lasting-rig.js';
import { ConnectLoad } from '../../kit/connect-load.js';
import { HeldRequest } from '../../kit/held-request.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { ownProgram } from '../../kit/own-program.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { until } from '../../kit/until.js';

void it('a killed daemon is followed by another one; master, workers and connections stay', async (t) => {
  const rig = await LastingRig.start(t);
  const first = await rig.until('the site serves', serves);
  const port = portOf(first);
  const loads = [
    new KeepAliveLoad({ port, host: HOST, clientCount: 8, seed: 1 }),
    new ConnectLoad(port, HOST),
  ] as const;
  await Promise.all(loads.map((load) => load.progress(50)));
  let daemon = first.daemon.pid;
  for (let round = 0; round < 3; round += 1) {
    const killedMs = performance.now();
    process.kill(daemon, 'SIGKILL');
    const killed = daemon;
    const status = await rig.until('another daemon answers', (now) => now.daemon.pid !== killed);
    t.diagnostic(`another daemon answers after ${Math.round(performance.now() - killedMs)} ms`);
    daemon = status.daemon.pid;
    assert.equal(rig.pidInFile(), daemon);
    assert.equal(status.master?.pid, first.master?.pid);
    assert.equal(status.master?.restarts, 0);
    assert.ok((status.master?.uptimeMs ?? 0) >= (first.master?.uptimeMs ?? 0));
    assert.deepEqual(workerPids(status), workerPids(first));
    assert.deepEqual(status.listeners, first.listeners);
    await Promise.all(loads.map((load) => load.progress(50)));
  }
  const [kept, opened] = [await loads[0].stop(), await loads[1].stop()];
  for (const tally of [kept, opened]) {
    t.diagnostic(`${JSON.stringify(tally.counts)}, ${tally.connectCount} connections`);
    assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
    assert.equal(tally.announcedCount, 0);
  }
  assert.equal(kept.connectCount, 8);

  // It is the adopted master's daemon in every respect: it replaces it, reloads it, stops it.
  const master = first.master?.pid ?? 0;
  const fresh = new ConnectLoad(port, HOST);
  await fresh.progress(20);
  process.kill(master, 'SIGKILL');
  const next = await rig.until('another master serves', (now) => now.master?.pid !== master && serves(now));
  assert.equal(next.daemon.pid, daemon);
  assert.equal(next.master?.restarts, 1);
  assert.equal(portOf(next), port);
  const { sites } = await rig.client.reload();
  assert.deepEqual(sites, [{ siteId: 'a', generation: 2, ok: true }]);
  await fresh.progress(20);
  const { counts } = await fresh.stop();
  t.diagnostic(
    `around the master's death: ${JSON.stringify(counts)}, slowest ${Math.round(fresh.slowestMs)} ms`,
  );
  assert.equal(counts.refused, 0);
  await rig.client.stop();
  await rig.gone();
});

void it('an ordered stop lets no other daemon follow, even if the daemon is killed while the master drains', async (t) => {
  const rig = await LastingRig.start(t, { cpuLen: 1, site: { drainTimeout: '120s' } });
  const status = await rig.until('the site serves', serves);
  const held = await HeldRequest.begin(portOf(status), HOST);
  await rig.until('the request is in work', ({ sites: [a] }) => a?.workers[0]?.connections === 1);
  process.kill(status.daemon.pid, 'SIGTERM');
  await until('the listener is closed', async () => {
    const now = await rig.status();
    return { done: now?.listeners.length === 0, value: now };
  });
  process.kill(status.daemon.pid, 'SIGKILL');
  await held.finish();
  await rig.gone();
  assert.doesNotMatch(rig.output, /daemon\.started/);
});

void it('a daemon that exits without having stopped is followed, unless its exit code says that all is well', async (t) => {
  const rig = await LastingRig.start(t, { program: ownProgram, cpuLen: 1 });
  const first = await rig.until('the site serves', serves);
  process.kill(first.daemon.pid, 'SIGURG');
  assert.equal(await rig.first.ended, 1);
  const second = await rig.until('another daemon answers', (now) => now.daemon.pid !== first.daemon.pid);
  assert.equal(second.master?.pid, first.master?.pid);
  process.kill(second.daemon.pid, 'SIGWINCH');
  await rig.gone();
  assert.equal(rig.output.match(/"event":"daemon\.started"/g)?.length, 1);
});

// A daemon that is killed under load: the master serves on and starts another one, and no client notices.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Load, MIXED } from '../../kit/load.js';
import { HeldRequest } from '../../kit/held-request.js';
import { ownProgram } from '../../kit/own-program.js';
import { portOf, serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const HOST = 'a.test';

void it('a killed daemon is followed by another one; master, workers and connections stay', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', cpuLen: 2 }] });
  const first = await vhostd.serves();
  const port = portOf(first);
  const loads = [
    new Load({ port, host: HOST, connections: 'kept', clientCount: 8, pauseMaxMs: 10, ...MIXED }),
    new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 }),
  ] as const;
  await Promise.all(loads.map((load) => load.progress(50)));
  let daemon = first.daemon.pid;
  for (let round = 0; round < 3; round += 1) {
    const killedMs = performance.now();
    process.kill(daemon, 'SIGKILL');
    const killed = daemon;
    const status = await vhostd.until('another daemon answers', (now) => now.daemon.pid !== killed);
    t.diagnostic(`another daemon answers after ${Math.round(performance.now() - killedMs)} ms`);
    daemon = status.daemon.pid;
    assert.equal(vhostd.pidInFile(), daemon);
    assert.equal(status.master?.pid, first.master?.pid);
    assert.equal(status.master?.restarts, 0);
    assert.ok((status.master?.uptimeMs ?? 0) >= (first.master?.uptimeMs ?? 0));
    assert.deepEqual(workerPids(status), workerPids(first));
    assert.deepEqual(status.listeners, first.listeners);
    await Promise.all(loads.map((load) => load.progress(50)));
  }
  for (const load of loads) {
    const outcome = await load.stop();
    t.diagnostic(String(outcome));
    outcome.assertNothingLost();
    assert.equal(outcome.counts.announced, 0);
  }
  assert.equal(loads[0].outcome.counts.connections, 8);

  // It is the adopted master's daemon in every respect: it replaces it, reloads it, stops it.
  const master = first.master?.pid ?? 0;
  const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
  await fresh.progress(20);
  process.kill(master, 'SIGKILL');
  const next = await vhostd.until(
    'another master serves',
    (now) => now.master?.pid !== master && serves(now),
  );
  assert.equal(next.daemon.pid, daemon);
  assert.equal(next.master?.restarts, 1);
  assert.equal(portOf(next), port);
  const { sites } = await vhostd.reload();
  assert.deepEqual(sites, [{ siteId: 'a', generation: 2, ok: true }]);
  await fresh.progress(20);
  const { counts } = await fresh.stop();
  t.diagnostic(`around the master's death: ${String(fresh.outcome)}`);
  assert.equal(counts.refused, 0);
  await vhostd.stop();
});

void it('an ordered stop lets no other daemon follow, even if the daemon is killed while the master drains', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', drainTimeout: '120s' }] });
  const status = await vhostd.serves();
  const held = await HeldRequest.begin(portOf(status), HOST);
  await vhostd.until('the request is in work', ({ sites: [a] }) => a?.workers[0]?.connections === 1);
  process.kill(status.daemon.pid, 'SIGTERM');
  await until('the listener is closed', async () => {
    const now = await vhostd.statusNow();
    return { done: now?.listeners.length === 0, value: now };
  });
  process.kill(status.daemon.pid, 'SIGKILL');
  await held.finish();
  await vhostd.gone();
  assert.doesNotMatch(vhostd.output, /daemon\.started/);
});

void it('a daemon that exits without having stopped is followed, unless its exit code says that all is well', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, program: ownProgram, sites: [{ siteId: 'a' }] });
  const first = await vhostd.serves();
  process.kill(first.daemon.pid, 'SIGURG');
  assert.equal((await vhostd.ended).code, 1);
  const second = await vhostd.until('another daemon answers', (now) => now.daemon.pid !== first.daemon.pid);
  assert.equal(second.master?.pid, first.master?.pid);
  process.kill(second.daemon.pid, 'SIGWINCH');
  await vhostd.gone();
  assert.equal(vhostd.output.match(/"event":"daemon\.started"/g)?.length, 1);
});

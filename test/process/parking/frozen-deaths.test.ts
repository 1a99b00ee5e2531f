// Whoever ends while a site stands still: nobody stays stopped for ever, and others go on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from '../../kit/ask-site.js';
import { portOf, serves, startVhostd } from '../../kit/start-vhostd.js';
import { frozen, frozenStatus, stateOf } from './frozen-site.js';
import { ask, HOST, ledgerOf, ledgerSite, openPatiently, startSites } from './parked-site.js';

const SITE = ledgerSite({ cpuLen: 2, idleFreeze: '300ms' });

void describe('while a site is frozen', () => {
  void it('its master is killed: the workers leave by themselves, and others serve', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
    const { master, ...status } = await frozenStatus(vhostd);
    const old = await frozen(vhostd);
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await vhostd.gone(old.map(({ pid }) => pid));
    const answer = ledgerOf(await get(portOf(status), HOST, '/', { limitMs: 60_000 }));
    assert.ok(old.every(({ pid }) => pid !== answer.pid));
    await frozen(vhostd);
    await vhostd.stop();
  });

  void it('its daemon is killed: another one follows, and the site is served', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
    const status = await frozenStatus(vhostd);
    const old = await frozen(vhostd);
    process.kill(status.daemon.pid, 'SIGKILL');
    const after = await vhostd.until(
      'there is another daemon',
      (now) => now.daemon.pid !== status.daemon.pid && serves(now),
    );
    const { pid } = ledgerOf(await get(portOf(after), HOST));
    assert.ok(old.some((worker) => worker.pid === pid));
    await frozen(vhostd);
    await vhostd.stop();
  });

  void it('daemon and master are killed at once: the workers leave by themselves', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
    const { daemon, master } = await frozenStatus(vhostd);
    const old = await frozen(vhostd);
    for (const pid of [daemon.pid, master?.pid ?? 0]) process.kill(pid, 'SIGKILL');
    await vhostd.gone(old.map(({ pid }) => pid));
    await vhostd.until('both are back', (now) => now.daemon.pid !== daemon.pid && serves(now));
    await vhostd.stop();
  });

  void it('its master is killed where no system call can be made: the daemon lets its workers go on', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, env: { VHOSTD_FFI: 'off' }, sites: [SITE] });
    const { master } = await frozenStatus(vhostd);
    const old = await frozen(vhostd);
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await vhostd.gone(old.map(({ pid }) => pid));
    await frozen(vhostd);
    // Nobody else can have this one, which counts as open then.
    const client = await openPatiently(portOf(await vhostd.status()));
    const { pid } = await ask(client);
    await delay(1000);
    assert.equal((await vhostd.status()).sites[0]?.state, 'running');
    assert.equal((await ask(client)).pid, pid);
    client.close();
    await frozen(vhostd);
    await vhostd.stop();
  });

  void it('all of it is stopped by a signal at once', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
    await frozen(vhostd);
    const startMs = performance.now();
    vhostd.signal('SIGTERM');
    assert.equal((await vhostd.ended).code, 0);
    t.diagnostic(`ended after ${Math.round(performance.now() - startMs)} ms`);
    await vhostd.gone();
  });

  void it('one of its workers is killed: another one takes its place, and it is frozen again', async (t) => {
    const vhostd = await startSites(t, [SITE]);
    const [first, second] = await frozen(vhostd);
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await vhostd.until(
      'another one is there',
      ({ sites: [a] }) => a?.workers.some(({ restarts }) => restarts === 1) === true,
    );
    await vhostd.ready('a', 2);
    const pids = (await frozen(vhostd)).map(({ pid }) => pid);
    assert.deepEqual([pids.includes(second?.pid ?? 0), pids.includes(first?.pid ?? 0)], [true, false]);
    const client = await openPatiently(await vhostd.port());
    assert.ok(pids.includes((await ask(client)).pid));
    client.close();
  });

  void it('somebody lets its workers run, and stops them again: it is served and frozen as ever', async (t) => {
    const vhostd = await startSites(t, [SITE]);
    const client = await openPatiently(await vhostd.port());
    await ask(client);
    const workers = await frozen(vhostd);
    for (const { pid } of workers) process.kill(pid, 'SIGCONT');
    await delay(500);
    // To its master it stands still, until there is something for it.
    assert.equal((await vhostd.site('a')).state, 'frozen');
    assert.ok(workers.every(({ pid }) => stateOf(pid) !== 'T'));
    const { pid } = await ask(client);
    assert.ok(workers.some((worker) => worker.pid === pid));
    await frozen(vhostd);
    for (const worker of workers) process.kill(worker.pid, 'SIGSTOP');
    assert.ok(workers.map((worker) => worker.pid).includes((await ask(client)).pid));
    client.close();
    assert.equal(vhostd.alive, true);
  });
});

// Whatever is asked of a site while it stands still is done as at any other time, and what is for its workers thaws them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { direct, DIRECT } from '../direct/direct-site.js';
import { get } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { portOf, startVhostd } from '../../kit/start-vhostd.js';
import { frozen, frozenStatus, stateOf } from './frozen-site.js';
import {
  ask,
  HOST,
  ledgerCounts,
  ledgerOf,
  ledgerSite,
  openPatiently,
  OTHER_SITE,
  startSites,
  untilSite,
} from './parked-site.js';

/** Long enough that it is not frozen again before a test has looked. */
const FREEZE = { idleFreeze: '500ms' };

void describe('a frozen site', () => {
  void it('is reloaded, and a connection of before goes on at a worker of the new generation', async (t) => {
    const vhostd = await startSites(t, [ledgerSite(FREEZE)]);
    const client = await openPatiently(await vhostd.port());
    const before = await ask(client);
    await frozen(vhostd);
    assert.deepEqual(await vhostd.reload('a'), { sites: [{ siteId: 'a', generation: 2, ok: true }] });
    await vhostd.drained();
    assert.deepEqual(ledgerCounts(vhostd), { boots: 2, ends: 1 });
    const after = await ask(client);
    assert.deepEqual([after.generation, after.pid !== before.pid], [2, true]);
    await frozen(vhostd);
    assert.equal((await ask(client)).pid, after.pid);
    client.close();
  });

  void it('is reloaded into a conf by which it is frozen no more', async (t) => {
    const vhostd = await startSites(t, [ledgerSite(FREEZE)]);
    await frozen(vhostd);
    vhostd.change('a', { idleFreeze: undefined });
    await vhostd.reloaded('a');
    await vhostd.drained();
    const [worker] = await vhostd.workers('a');
    assert.ok('SR'.includes(stateOf(worker?.pid ?? 0)));
  });

  void it('whose next generation does not boot serves on as it was', async (t) => {
    const vhostd = await startSites(t, [ledgerSite(FREEZE)]);
    const [before] = await frozen(vhostd);
    vhostd.touch('fail');
    assert.equal((await vhostd.reload('a')).sites[0]?.ok, false);
    assert.equal(ledgerOf(await get(await vhostd.port(), HOST)).pid, before?.pid);
    const [after] = await frozen(vhostd);
    assert.equal(after?.pid, before?.pid);
  });

  void it('that goes leaves its host, and the connections that are kept for it, to another one', async (t) => {
    const vhostd = await startSites(t, [ledgerSite(FREEZE), OTHER_SITE]);
    const client = await openPatiently(await vhostd.port());
    await ask(client);
    await frozen(vhostd);
    vhostd.configure([{ ...ledgerSite(), siteId: 'renamed', hosts: [HOST] }, OTHER_SITE]);
    await vhostd.reloaded();
    await vhostd.until('the frozen one has gone', ({ sites }) => !sites.some(({ siteId }) => siteId === 'a'));
    const [worker] = await vhostd.workers('renamed');
    assert.equal((await ask(client)).pid, worker?.pid);
    client.close();
  });

  void it('keeps standing still while its status is asked for, and is told of what concerns it', async (t) => {
    const vhostd = await startSites(t, [ledgerSite(FREEZE), OTHER_SITE]);
    const [worker] = await frozen(vhostd);
    for (let count = 0; count < 20; count += 1) assert.equal((await vhostd.site('a')).state, 'frozen');
    assert.equal(stateOf(worker?.pid ?? 0), 'T');
    // A call of the master's code goes to the site's.
    assert.equal(await vhostd.callSite('a', 'seen'), 0);
    await frozen(vhostd);
    // A host of another site would have matched its wildcard, which its worker must know.
    vhostd.change('a', { listen: [{ host: '*.test', port: 0, ipaddress: '127.0.0.1' }] });
    await vhostd.reloaded('a');
    await vhostd.drained();
    const port = await vhostd.port();
    const client = await openPatiently(port);
    client.send('GET / HTTP/1.1\r\nHost: c.test\r\n\r\n');
    assert.equal(ledgerOf(await client.answer()).generation, 2);
    await frozen(vhostd);
    vhostd.change('b', {
      listen: ['b.test', 'c.test'].map((host) => ({ host, port: 0, ipaddress: '127.0.0.1' })),
    });
    await vhostd.reloaded('b');
    await vhostd.drained();
    client.send('GET / HTTP/1.1\r\nHost: c.test\r\n\r\n');
    const answer = await client.answer();
    assert.equal((JSON.parse(answer.body.toString()) as { siteId?: string }).siteId, 'b');
    client.close();
  });

  void it('is paused and put into maintenance, during which it does not stand still', async (t) => {
    const vhostd = await startSites(t, [ledgerSite(FREEZE)]);
    const port = await vhostd.port();
    const kept = await openPatiently(port);
    const { pid } = await ask(kept);
    await frozen(vhostd);
    await vhostd.pause('a');
    assert.notEqual(stateOf(pid), 'T');
    const fresh = await openPatiently(port);
    const held = ask(fresh);
    await untilSite(vhostd, 'one is held', ({ parked }) => parked === 1);
    // A pause is for new connections.
    assert.equal((await ask(kept)).pid, pid);
    assert.deepEqual(await vhostd.resume('a'), { siteId: 'a', wasPaused: true, heldCount: 1 });
    assert.equal((await held).pid, pid);
    fresh.close();
    await frozen(vhostd);
    assert.equal((await vhostd.maintenance('a')).silentCount, 0);
    assert.equal((await get(port, HOST)).status, 503);
    assert.equal((await vhostd.maintenance('a', null)).silentCount, 0);
    assert.equal((await ask(kept)).pid, pid);
    kept.close();
  });

  void it('is scaled, restarted, sent a signal and stopped by commands, each at once', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [ledgerSite(FREEZE), OTHER_SITE] });
    const port = portOf(await frozenStatus(vhostd));
    const order = async (...args: string[]): Promise<void> => {
      const startMs = performance.now();
      const { code, stderr } = await vhostd.run(...args);
      assert.equal(code, 0, stderr);
      t.diagnostic(`${args.join(' ')}: ${Math.round(performance.now() - startMs)} ms`);
    };
    await order('scale', 'a', '2');
    await vhostd.ready('a', 2);
    assert.equal((await frozen(vhostd)).length, 2);
    await order('restart', 'a');
    assert.equal(ledgerOf(await get(port, HOST)).generation, 2);
    const [first] = await frozen(vhostd);
    await order('signal', 'a', 'SIGUSR2');
    await vhostd.until('it has ended by the signal and another one follows', ({ sites: [a] }) =>
      Boolean(a?.workers.every(({ pid, restarts }) => pid !== first?.pid && restarts === 1)),
    );
    const stopped = await frozen(vhostd);
    await order('stop', 'a');
    assert.deepEqual(
      stopped.map(({ pid }) => isAlive(pid)),
      [false, false],
    );
    assert.equal((await get(port, HOST)).status, 503);
    await order('start', 'a');
    const last = await frozen(vhostd);
    await order('stop');
    await vhostd.gone(last.map(({ pid }) => pid));
  });

  void it('is upgraded, and its kept connections go back to the worker that leaves', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [ledgerSite(FREEZE)] });
    const client = await openPatiently(portOf(await frozenStatus(vhostd)));
    const { pid } = await ask(client);
    const before = await frozenStatus(vhostd);
    const { code, stderr } = await vhostd.run('upgrade');
    assert.equal(code, 0, stderr);
    const after = await vhostd.until(
      'another daemon serves',
      ({ daemon }) => daemon.pid !== before.daemon.pid,
    );
    // Who asks before the old worker has left is served by it; one that stays idle is closed.
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    const answer = await client.answer().catch(() => undefined);
    if (answer !== undefined) assert.equal(ledgerOf(answer).pid, pid);
    assert.notEqual(ledgerOf(await get(portOf(after), HOST)).pid, pid);
    await vhostd.gone([pid]);
    await frozen(vhostd);
    client.close();
  });

  void it('whose workers accept by themselves has the master accept while it stands still', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ ...FREEZE, cpuLen: 2, listen: [DIRECT] })]);
    const port = await vhostd.port();
    for (let round = 0; round < 2; round += 1) {
      const pids = (await frozen(vhostd)).map((worker) => worker.pid);
      const client = await openPatiently(port);
      assert.ok(pids.includes((await ask(client)).pid));
      await frozen(vhostd);
      assert.ok(pids.includes((await ask(client)).pid));
      client.close();
      await direct(vhostd, port);
    }
  });
});

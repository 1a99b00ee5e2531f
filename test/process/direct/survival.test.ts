// Workers that accept by themselves: what an operator does to them, and which processes may die.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askSite, get } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { HeldRequest } from '../../kit/held-request.js';
import { Load, MIXED } from '../../kit/load.js';
import { ownProgram } from '../../kit/own-program.js';
import { openSecure } from '../../kit/secure-client.js';
import { portOf, serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { accepted, DIRECT, direct, directSite, HOST } from './direct-site.js';

const ROUTED = { ...DIRECT, accept: undefined };

void describe('workers that accept by themselves', { concurrency: 2 }, () => {
  void it('begin and end with a reload of the conf, and no connection is lost', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [directSite({ listen: [ROUTED], drainTimeout: '30s' })],
    });
    const port = await vhostd.port();
    const fresh = new Load({ port, host: HOST, connections: 'fresh', clientCount: 4, pauseMaxMs: 10 });
    const kept = new Load({
      port,
      host: HOST,
      connections: 'kept',
      clientCount: 6,
      pauseMaxMs: 40,
      ...MIXED,
    });
    await kept.progress(12);
    for (let round = 0; round < 2; round += 1) {
      vhostd.change('a', { listen: [DIRECT] });
      await vhostd.reloaded();
      await direct(vhostd, port);
      await fresh.progress(20);
      vhostd.change('a', { listen: [ROUTED] });
      await vhostd.reloaded();
      await vhostd.drained();
      const { byWorkers } = accepted(await vhostd.status());
      await fresh.progress(20);
      assert.equal(accepted(await vhostd.status()).byWorkers, byWorkers);
    }
    assert.equal(await vhostd.port(), port);
    await Promise.all([fresh.stop(), kept.stop()]);
    for (const { outcome } of [fresh, kept]) t.diagnostic(String(outcome));
    fresh.outcome.assertNothingLost('fresh');
    kept.outcome.assertNothingClosed(6, 'kept');
  });

  void it('leave to the master what a pause holds and a maintenance answers', async (t) => {
    const vhostd = await startVhostd(t, { sites: [directSite()] });
    const port = await vhostd.port();
    await direct(vhostd, port);
    await vhostd.pause('a', { timeout: '10m' });
    // One that came before the workers had heard of it may be answered.
    const clients: WireClient[] = [];
    for (let held = 0; held < 10;) {
      const { byMaster, byWorkers } = accepted(await vhostd.status());
      const client = await WireClient.open(port);
      client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
      const now = accepted(
        await vhostd.until('it is accepted', (status) => {
          const { byMaster: master, byWorkers: workers } = accepted(status);
          return master + workers > byMaster + byWorkers;
        }),
      );
      held = now.byMaster > byMaster ? held + 1 : 0;
      clients.push(client);
    }
    const { parked } = await vhostd.site('a');
    assert.ok(parked >= 10, `${parked} are held`);
    await vhostd.resume('a');
    for (const client of clients) {
      assert.equal((await client.answer()).status, 200);
      client.close();
    }
    await direct(vhostd, port);

    const kept = await WireClient.open(port);
    const ask = async (): Promise<number> => {
      kept.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      return (await kept.answer()).status;
    };
    assert.equal(await ask(), 200);
    await vhostd.maintenance('a', {});
    assert.deepEqual([await ask(), (await get(port, HOST)).status], [503, 503]);
    await vhostd.maintenance('a', null);
    assert.deepEqual([await ask(), (await get(port, HOST)).status], [200, 200]);
    kept.close();
    await direct(vhostd, port);
  });

  void it('finish what they have when the master is killed, and nobody is refused', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [directSite({ drainTimeout: '120s' })] });
    const before = await vhostd.serves();
    const port = portOf(before);
    await direct(vhostd, port);
    const busy = await Promise.all(Array.from({ length: 4 }, () => HeldRequest.begin(port, HOST)));
    await vhostd.until('the requests are in work', ({ sites: [a] }) => {
      return (a?.workers ?? []).reduce((sum, { connections }) => sum + connections, 0) >= 4;
    });
    const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
    await fresh.progress(30);
    process.kill(before.master?.pid ?? 0, 'SIGKILL');
    await vhostd.until(
      'another master serves',
      (now) => now.master?.pid !== before.master?.pid && serves(now),
    );
    for (const request of busy) assert.ok(workerPids(before).includes((await request.finish()).pid));
    await fresh.progress(30);
    await direct(vhostd, port);
    (await fresh.stop()).assertNothingLost();
  });

  void it('go on when the daemon is killed', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [directSite()] });
    const before = await vhostd.serves();
    const port = portOf(before);
    await direct(vhostd, port);
    const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
    await fresh.progress(20);
    process.kill(before.daemon.pid, 'SIGKILL');
    const after = await vhostd.until('another daemon answers', (now) => now.daemon.pid !== before.daemon.pid);
    assert.deepEqual(workerPids(after), workerPids(before));
    await fresh.progress(20);
    // It holds the socket for the next master, too.
    process.kill(before.master?.pid ?? 0, 'SIGKILL');
    await vhostd.until(
      'another master serves',
      (now) => now.master?.pid !== before.master?.pid && serves(now),
    );
    await fresh.progress(20);
    await direct(vhostd, port);
    (await fresh.stop()).assertNothingLost();
  });

  void it('are followed by those of an upgrade, and nothing is lost', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, program: ownProgram, sites: [directSite()] });
    const before = await vhostd.serves();
    const port = portOf(before);
    await direct(vhostd, port);
    const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
    const kept = new Load({
      port,
      host: HOST,
      connections: 'kept',
      clientCount: 6,
      pauseMaxMs: 30,
      ...MIXED,
    });
    await Promise.all([kept.progress(20), fresh.progress(20)]);
    const upgraded = await vhostd.run('upgrade');
    assert.equal(upgraded.code, 0, upgraded.stderr);
    const after = await vhostd.serves();
    await until('new workers have answered', () => {
      const value = [...fresh.outcome.pids];
      return { done: value.some((pid) => workerPids(after).includes(pid)), value };
    });
    await Promise.all([kept.progress(20), fresh.progress(20)]);
    await direct(vhostd, port);
    await Promise.all([fresh.stop(), kept.stop()]);
    for (const { outcome } of [fresh, kept]) {
      t.diagnostic(String(outcome));
      outcome.assertNothingLost();
    }
  });

  for (const server of ['http', 'https', 'http2']) {
    void it(`speak TLS: ${server}`, async (t) => {
      const env = server === 'http' ? {} : { TLS: server };
      const entry = { ...DIRECT, type: 'ssl', ...(await selfSigned(HOST)) };
      const vhostd = await startVhostd(t, {
        sites: [directSite({ listen: [entry], workerOptions: { env } })],
      });
      const port = await vhostd.port('ssl');
      await direct(vhostd, port);
      const open = (to: number): Promise<WireClient> => openSecure(to, HOST);
      const load = { port, host: HOST, connect: open, pauseMaxMs: 30 } as const;
      const fresh = new Load({ ...load, connections: 'fresh' });
      const kept = new Load({ ...load, connections: 'kept', clientCount: 4, ...MIXED, pipelineMaxCount: 1 });
      await Promise.all([fresh.progress(10), kept.progress(10)]);
      await vhostd.reloaded('a');
      await vhostd.drained();
      await Promise.all([fresh.progress(10), kept.progress(10)]);
      await Promise.all([fresh.stop(), kept.stop()]);
      for (const { outcome } of [fresh, kept]) outcome.assertNothingLost();
      const { counts } = await vhostd.status();
      assert.deepEqual([counts.violations, counts.refused], [0, {}]);
    });
  }

  void it('accept nothing where the master counts connections of each address', async (t) => {
    const conf = { limits: { perAddress: { newPerSecond: 3 } } };
    const vhostd = await startVhostd(t, { conf, sites: [directSite()] });
    const port = await vhostd.port();
    const statuses: number[] = [];
    for (let count = 0; count < 12; count += 1) statuses.push((await get(port, HOST)).status);
    assert.ok(statuses.includes(503), String(statuses));
    assert.equal((await vhostd.status()).counts.acceptedDirectly, 0);
  });

  void it('start with the first connection where an idle site sleeps', async (t) => {
    const vhostd = await startVhostd(t, { sites: [directSite({ idleStop: '1s' })] });
    const port = await vhostd.port();
    for (let round = 0; round < 2; round += 1) {
      assert.equal((await askSite(port, HOST)).siteId, 'a');
      await vhostd.until('it sleeps', ({ sites: [a] }) => a?.state === 'idle');
    }
  });
});

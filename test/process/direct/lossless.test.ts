// What holds of connections that the master hands over holds of those that workers accept by themselves.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askSite, get, seenBy } from '../../kit/ask-site.js';
import { slowPost } from '../../kit/exchange.js';
import { freePort } from '../../kit/free-port.js';
import type { NextRequest } from '../../kit/load.js';
import { Load, MIXED } from '../../kit/load.js';
import { Random } from '../../kit/random.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { printed, storm } from '../handoff/storm.js';
import type { StormPlan } from '../handoff/storm.js';
import { accepted, DIRECT, direct, directSite, HOST } from './direct-site.js';

const PLAN: StormPlan = {
  cut: 400,
  post: 300,
  pipeline: 300,
  'half-close': 150,
  'half-close-slow': 80,
  reset: 150,
  chunked: 120,
  expect: 80,
  upgrade: 150,
  big: 30,
};

void describe('workers that accept by themselves', { concurrency: 2 }, () => {
  void it('lose no byte, while they are busy', async (t) => {
    const seed = Random.seed();
    const env = { BLOCK_MS: '8', ALLOW_HALF_OPEN: '1' };
    const vhostd = await startVhostd(t, { sites: [directSite({ workerOptions: { env } })] });
    const port = await vhostd.port();
    await direct(vhostd, port);
    const before = accepted(await vhostd.status());
    const result = await storm({ port, hosts: [HOST], halfOpenHost: HOST, limitMs: 30_000 }, PLAN, seed);
    t.diagnostic(`seed ${seed}: ${printed(result)}`);
    assert.deepEqual(result.failures, []);
    const { counts } = await vhostd.status();
    assert.equal(counts.accepted, before.byMaster);
    assert.deepEqual([counts.violations, counts.refused], [0, {}]);
  });

  void it('are replaced by a reload without a lost request or a closed connection', async (t) => {
    const vhostd = await startVhostd(t, { sites: [directSite({ drainTimeout: '30s' })] });
    const port = await vhostd.port();
    await direct(vhostd, port);
    const loads = {
      fresh: new Load({ port, host: HOST, connections: 'fresh', clientCount: 4, pauseMaxMs: 20 }),
      slow: new Load({ port, host: HOST, connections: 'fresh', clientCount: 3, request: inWork }),
      kept: new Load({ port, host: HOST, connections: 'kept', clientCount: 8, pauseMaxMs: 100, ...MIXED }),
    };
    await loads.kept.progress(24);
    for (let count = 0; count < 4; count += 1) {
      await vhostd.reloaded('a');
      await loads.fresh.progress(20);
    }
    await vhostd.drained();
    await loads.kept.progress(24);
    await Promise.all(Object.values(loads).map((load) => load.stop()));
    for (const [name, { outcome }] of Object.entries(loads)) t.diagnostic(`${name}: ${String(outcome)}`);
    for (const [name, { outcome }] of Object.entries(loads)) outcome.assertNothingLost(name);
    loads.kept.outcome.assertNothingClosed(8);
    assert.ok(loads.kept.outcome.generations.has(5));
    const { counts } = await vhostd.status();
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual([counts.violations, counts.refused], [0, {}]);
    assert.ok(counts.handedBack >= 8, 'idle connections have moved');
    assert.ok(counts.acceptedDirectly > 80);
    await direct(vhostd, port);
  });

  void it('are made more and fewer without a lost request', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [directSite({ cpuLen: 1 })] });
    const port = await vhostd.port();
    await direct(vhostd, port);
    const fresh = new Load({ port, host: HOST, connections: 'fresh', clientCount: 4, pauseMaxMs: 10 });
    const kept = new Load({ port, host: HOST, connections: 'kept', clientCount: 6, pauseMaxMs: 50 });
    for (const count of [3, 1, 2]) {
      assert.equal((await vhostd.run('scale', 'a', String(count))).code, 0);
      await vhostd.ready('a', count);
      await fresh.progress(30);
    }
    await kept.progress(12);
    await Promise.all([fresh.stop(), kept.stop()]);
    fresh.outcome.assertNothingLost('fresh');
    kept.outcome.assertNothingClosed(6, 'kept');
    await direct(vhostd, port);
  });

  void it('that are killed lose nothing of what waits in the queue', async (t) => {
    const restart = { intensity: 1000, backoffMin: '300ms', backoffMax: '300ms' };
    const vhostd = await startVhostd(t, { sites: [directSite({ restart })] });
    const port = await vhostd.port();
    await vhostd.ready('a', 2);
    await direct(vhostd, port);
    const before = accepted(await vhostd.status());
    const victims = (await vhostd.workers('a')).map(({ pid }) => pid);
    for (const pid of victims) process.kill(pid, 'SIGSTOP');
    const clients: WireClient[] = [];
    for (let index = 0; index < 30; index += 1) {
      const client = await WireClient.open(port);
      client.send(`GET /${index} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
      clients.push(client);
    }
    assert.deepEqual(accepted(await vhostd.status()), before, 'they wait in the kernel');
    for (const pid of victims) process.kill(pid, 'SIGKILL');
    for (const client of clients) {
      assert.ok(!victims.includes(seenBy(await client.answer()).pid));
      client.close();
    }
    await vhostd.ready('a', 2);
    await direct(vhostd, port);
    assert.deepEqual((await vhostd.status()).counts.refused, {});
  });

  void it('send on what is not for their site, and the master answers it', async (t) => {
    const vhostd = await startVhostd(t, { sites: [directSite()], conf: { healthPath: '/health' } });
    const port = await vhostd.port();
    await direct(vhostd, port);
    assert.equal((await askSite(port, HOST)).siteId, 'a');
    assert.equal((await get(port, 'other.test')).status, 421);
    assert.equal((await get(port, 'other.test', '/health')).status, 200);
    assert.equal((await get(port, HOST, '/health')).status, 200);
    const { counts } = await vhostd.status();
    assert.deepEqual([counts.violations, counts.refused], [0, { 421: 1 }]);
  });

  void it('share the address with no other site', async (t) => {
    const port = await freePort();
    const listen = (host: string, more: object): object => ({ host, port, ipaddress: '127.0.0.1', ...more });
    const sites = [directSite({ listen: [{ ...DIRECT, port }] })];
    const vhostd = await startVhostd(t, { daemon: true, sites });
    await direct(vhostd, port);
    for (const other of [listen('b.test', {}), listen('b.test', { ipaddress: '0.0.0.0' })]) {
      vhostd.configure([...sites, { siteId: 'b', listen: [other] }]);
      const told = await vhostd.run('reload');
      assert.notEqual(told.code, 0);
      assert.match(told.stderr, /site a has the address alone/);
    }
    assert.equal((await askSite(port, HOST)).siteId, 'a');
  });
});

const inWork: NextRequest = (random, host, closes) =>
  slowPost(random, host, { bodyBytes: 4096, slowMs: 200, closes });

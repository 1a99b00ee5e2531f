// A site of which nobody has asked anything for a while stands still: its workers are stopped where they are, and go on
// with the next connection or request, or with whatever else is for them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { selfSigned } from '../../kit/certificate.js';
import { Load } from '../../kit/load.js';
import { portOf, startVhostd } from '../../kit/start-vhostd.js';
import { Random } from '../../kit/random.js';
import { openSecure } from '../../kit/secure-client.js';
import { frozen, frozenStatus } from './frozen-site.js';
import {
  ask,
  HOST,
  ledgerCounts,
  ledgerOf,
  ledgerSite,
  openPatiently,
  OTHER_SITE,
  send,
  startSites,
  untilSite,
} from './parked-site.js';

void describe('a site that is frozen when there is no request', () => {
  void it('stands still with all its workers, answers the first request of a new connection, and is frozen again', async (t) => {
    const sites = [ledgerSite({ cpuLen: 2, idleFreeze: '100ms' }), OTHER_SITE];
    const vhostd = await startVhostd(t, { daemon: true, sites });
    const port = portOf(await frozenStatus(vhostd));
    for (let round = 0; round < 3; round += 1) {
      const workers = await frozen(vhostd);
      assert.equal(workers.length, 2);
      const startMs = performance.now();
      const client = await openPatiently(port);
      const { pid } = await ask(client);
      t.diagnostic(`connected and answered after ${(performance.now() - startMs).toFixed(1)} ms`);
      client.close();
      assert.ok(workers.some((worker) => worker.pid === pid));
    }
    const [first] = await vhostd.logs('site.thawed');
    assert.deepEqual([first?.['siteId'], typeof first?.['frozenMs']], ['a', 'number']);
  });

  void it('keeps a connection between two requests, on which the next one thaws it', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ idleFreeze: '100ms' })]);
    const client = await openPatiently(await vhostd.port());
    const { pid } = await ask(client);
    for (let round = 2; round < 6; round += 1) {
      const [worker] = await frozen(vhostd);
      const { kept } = await vhostd.site('a');
      assert.deepEqual([worker?.pid, worker?.connections, kept], [pid, 0, 1]);
      const startMs = performance.now();
      const answer = await ask(client);
      t.diagnostic(`answered after ${(performance.now() - startMs).toFixed(1)} ms`);
      assert.deepEqual([answer.pid, answer.number], [pid, round]);
    }
    client.close();
  });

  void it('is not taken for one that hangs, however long it stands still', async (t) => {
    const site = ledgerSite({ idleFreeze: '50ms', heartbeatInterval: '50ms', heartbeatLimit: '200ms' });
    const vhostd = await startSites(t, [site]);
    const [before] = await frozen(vhostd);
    await delay(1500);
    const [after] = await frozen(vhostd);
    assert.deepEqual([after?.pid, after?.restarts], [before?.pid, 0]);
    const client = await openPatiently(await vhostd.port());
    assert.equal((await ask(client)).pid, before?.pid);
    client.close();
  });

  void it('is not frozen while a request is open, however slow its answer', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ idleFreeze: '50ms' })]);
    await frozen(vhostd);
    const client = await openPatiently(await vhostd.port());
    send(client, '/?until=go');
    await untilSite(
      vhostd,
      'it has the request',
      ({ state, workers }) => state === 'running' && workers[0]?.connections === 1,
    );
    await delay(500);
    assert.equal((await vhostd.site('a')).state, 'running');
    vhostd.touch('go');
    assert.equal(ledgerOf(await client.answer()).number, 1);
    await frozen(vhostd);
    client.close();
  });

  void it('is not frozen while half a request has come', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ idleFreeze: '50ms' })]);
    const client = await openPatiently(await vhostd.port());
    // Behind a whole one, it is the worker that has it.
    const head = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n`;
    client.send(`${head}\r\n${head}`);
    assert.equal(ledgerOf(await client.answer()).number, 1);
    await untilSite(vhostd, 'it runs', ({ state }) => state === 'running');
    await delay(500);
    assert.equal((await vhostd.site('a')).state, 'running');
    client.send('\r\n');
    assert.equal(ledgerOf(await client.answer()).number, 2);
    await frozen(vhostd);
    client.close();
  });

  void it('is not frozen while a WebSocket is open', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ idleFreeze: '50ms' })]);
    const client = await openPatiently(await vhostd.port());
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
    assert.equal((await client.head()).status, 101);
    await delay(500);
    assert.equal((await vhostd.site('a')).state, 'running');
    client.close();
    await frozen(vhostd);
  });

  void it('is not frozen while a TLS connection is open, which nobody else can read', async (t) => {
    const listen = [
      { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) },
    ];
    const vhostd = await startSites(t, [ledgerSite({ idleFreeze: '50ms', listen })]);
    const [worker] = await frozen(vhostd);
    const client = await openSecure(await vhostd.port('ssl'), HOST);
    assert.equal((await ask(client)).pid, worker?.pid);
    await delay(500);
    assert.equal((await vhostd.site('a')).state, 'running');
    client.close();
    await frozen(vhostd);
  });

  void it('is stopped after idleStop, also from where it stands still, and started by the next connection', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ idleFreeze: '100ms', idleStop: '1500ms' })]);
    await frozen(vhostd);
    await untilSite(vhostd, 'it sleeps', ({ state, workers }) => state === 'idle' && workers.length === 0);
    assert.deepEqual(ledgerCounts(vhostd), { boots: 1, ends: 1 });
    const client = await openPatiently(await vhostd.port());
    assert.equal((await ask(client)).number, 1);
    assert.equal(ledgerCounts(vhostd).boots, 2);
    client.close();
  });

  void it('loses nothing of those who connect in the very moment in which it is frozen', async (t) => {
    const sites = [{ siteId: 'a', cpuLen: 2, idleFreeze: '50ms' }];
    const vhostd = await startVhostd(t, { daemon: true, sites });
    const port = portOf(await frozenStatus(vhostd));
    const load = { port, host: HOST, pauseMaxMs: 160 } as const;
    const fresh = new Load({ ...load, connections: 'fresh', clientCount: 1 });
    const kept = new Load({ ...load, connections: 'kept', clientCount: 1 });
    const frozenCount = process.env['VHOSTD_TEST_LONG'] === '1' ? 400 : 40;
    await vhostd.logs('site.frozen', frozenCount);
    const outcomes = [await fresh.stop(), await kept.stop()];
    t.diagnostic(`frozen ${vhostd.logged('site.frozen').length} times: ${outcomes.map(String).join(' / ')}`);
    for (const outcome of outcomes) outcome.assertNothingLost('a site that is frozen again and again');
    const { workers } = await vhostd.site('a');
    assert.deepEqual(
      workers.map(({ restarts }) => restarts),
      [0, 0],
    );
  });

  void it('loses nothing of a crowd that comes a moment before, in and behind the one in which it is frozen', async (t) => {
    const sites = [ledgerSite({ cpuLen: 2, idleFreeze: '50ms' })];
    const vhostd = await startVhostd(t, { daemon: true, sites });
    const port = portOf(await frozenStatus(vhostd));
    const random = new Random(Random.seed());
    const kept = await Promise.all(Array.from({ length: 10 }, () => openPatiently(port)));
    await Promise.all(kept.map(ask));
    const roundCount = process.env['VHOSTD_TEST_LONG'] === '1' ? 1000 : 80;
    let count = 0;
    for (let round = 0; round < roundCount; round += 1) {
      // Most of what a try to freeze it does comes within these 12 ms.
      await delay(46 + random.integer(0, 12));
      const fresh = await Promise.all(Array.from({ length: 10 }, () => openPatiently(port)));
      const asked = [...fresh, ...kept.filter(() => random.integer(0, 1) === 0)];
      count += (await Promise.all(asked.map(ask))).length;
      for (const client of fresh) client.close();
    }
    for (const client of kept) client.close();
    const {
      counts,
      sites: [site],
    } = await vhostd.status();
    t.diagnostic(
      `${count} answered, frozen ${vhostd.logged('site.frozen').length} times, ${counts?.handedBack} handed back`,
    );
    assert.deepEqual(
      [counts?.refused, counts?.violations, site?.workers.map(({ restarts }) => restarts)],
      [{}, 0, [0, 0]],
    );
  });
});

// A maintenance answers every request of a site with its page, on whatever connection; the site's code sees none.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { MaintenanceResult } from '@vhostd/protocol';
import { get } from '../../kit/ask-site.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { Load } from '../../kit/load.js';
import { siteFile } from '../../kit/start-vhostd.js';
import type { WireClient } from '../../kit/wire-client.js';
import type { Answer } from '../../kit/wire-client.js';
import { MaintainedLoad } from './maintained-load.js';
import {
  ask,
  HOST,
  ledgerOf,
  ledgerSite,
  openAll,
  OTHER_SITE,
  readAll,
  send,
  startSites,
  untilSite,
  openPatiently,
} from './parked-site.js';

/** Its dead worker is not restarted within a test. */
const NO_RESTART = { backoffMin: '600s', backoffMax: '600s' };
const PAGE = '<!doctype html><p>Wir sind bald zurück.</p>\n';

function begin(vhostd: LoneMaster, message?: string): Promise<MaintenanceResult> {
  return vhostd.maintenance('a', message === undefined ? {} : { message });
}

function end(vhostd: LoneMaster): Promise<MaintenanceResult> {
  return vhostd.maintenance('a', null);
}

/** The answer is the page of a maintenance; returns it. */
function pageOf({ status, headers, body }: Answer): string {
  assert.equal(status, 503, body.toString());
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['retry-after'], '60');
  return body.toString();
}

void describe('a maintenance', () => {
  void it('answers what a kept-alive connection asks, which lives on; what is in work finishes', async (t) => {
    const vhostd = await startSites(t, [ledgerSite(), OTHER_SITE]);
    const port = await vhostd.port();
    const client = await openPatiently(port);
    const busy = await openPatiently(port);
    assert.equal((await ask(client)).number, 1);
    send(busy, '/?until=finished');
    await vhostd.until('both are with the worker', ({ counts }) => counts.handedOff === 2);
    while ((await vhostd.callSite('a', 'seen')) !== 2);
    const message = 'Back at <noon> & "later"';
    assert.deepEqual(await begin(vhostd, message), { siteId: 'a', on: true, silentCount: 0 });
    send(client);
    const page = pageOf(await client.answer());
    assert.match(page, /<p>Back at &#60;noon&#62; &#38; &#34;later&#34;<\/p>/);
    // In whatever shape a request comes.
    const body = Buffer.alloc(50_000, 'x');
    for (const fields of ['', 'Expect: 100-continue\r\n']) {
      const other = fields === '' ? client : await openPatiently(port);
      other.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${body.length}\r\n${fields}\r\n`);
      other.send(body);
      assert.equal(pageOf(await other.answer()), page);
      if (other !== client) other.close();
    }
    for (let count = 0; count < 3; count += 1) send(client);
    for (let count = 0; count < 3; count += 1) assert.equal(pageOf(await client.answer()), page);
    client.send(`HEAD / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    const head = await client.head();
    assert.deepEqual([head.status, head.headers['content-length']], [503, String(Buffer.byteLength(page))]);
    assert.deepEqual((await vhostd.site('a')).maintenance, { message });
    assert.equal((await get(port, 'b.test')).status, 200);
    vhostd.touch('finished');
    assert.equal(ledgerOf(await busy.answer()).number, 2);
    assert.equal(await vhostd.callSite('a', 'seen'), 2);
    assert.deepEqual(await end(vhostd), { siteId: 'a', on: false, silentCount: 0 });
    for (const [index, one] of [client, busy].entries()) {
      assert.equal((await ask(one)).number, 3 + index);
      one.close();
    }
    const { counts, sites } = await vhostd.status();
    assert.deepEqual([counts.refused, counts.accepted, sites[0]?.maintenance], [{}, 4, undefined]);
  });

  void it('leaves upgraded connections alone, and refuses another upgrade', async (t) => {
    const vhostd = await startSites(t, [ledgerSite()]);
    const port = await vhostd.port();
    const upgrade = `GET /ws HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`;
    const upgraded = async (): Promise<WireClient> => {
      const client = await openPatiently(port);
      client.send(upgrade);
      return client;
    };
    const before = await upgraded();
    assert.equal((await before.answer(true)).status, 101);
    await begin(vhostd);
    const refused = await upgraded();
    refused.send('bytes of the other protocol');
    pageOf(await refused.answer());
    assert.equal((await refused.rest()).length, 0);
    refused.close();
    before.send('still here');
    assert.equal((await before.bytes(10)).toString(), 'still here');
    assert.equal(await vhostd.callSite('a', 'seen'), 1);
    await end(vhostd);
    const after = await upgraded();
    assert.equal((await after.answer(true)).status, 101);
    for (const client of [before, after]) client.close();
  });

  void it('outlives reloads and workers: under load, the site answers nothing until it is over', async (t) => {
    const restart = { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' };
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 2, restart }), OTHER_SITE]);
    const port = await vhostd.port();
    const maintained = new MaintainedLoad(port, 3);
    const other = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
    for (let round = 0; round < 2; round += 1) {
      await maintained.progress(50, 200);
      maintained.phase = 'changing';
      await begin(vhostd, `round ${round}`);
      maintained.phase = 'maintenance';
      await maintained.progress(50, 503);
      await vhostd.reload('a');
      await maintained.progress(50, 503);
      // One whose connections are all closed: a killed worker takes along what it serves.
      await maintained.load.hold();
      const [victim] = await vhostd.workers('a');
      process.kill(victim?.pid ?? 0, 'SIGKILL');
      await untilSite(vhostd, 'its successor is ready', ({ workers }) =>
        workers.every(({ state, pid }) => pid !== victim?.pid && state !== 'backoff' && state !== 'booting'),
      );
      maintained.load.goOn();
      await maintained.progress(50, 503);
      maintained.phase = 'changing';
      await end(vhostd);
      maintained.phase = 'service';
    }
    await maintained.progress(50, 200);
    await maintained.load.stop();
    await other.stop();
    t.diagnostic(
      `${maintained.counts[200]} of 200, ${maintained.counts[503]} of 503; another site: ${String(other.outcome)}`,
    );
    maintained.load.outcome.assertNothingLost();
    other.outcome.assertNothingLost('the other site');
    assert.deepEqual((await vhostd.status()).counts.violations, 0);
  });

  void it('is met by all that comes behind it, also with a worker that does not answer', async (t) => {
    const site = ledgerSite({ cpuLen: 2, callTimeout: '1s', balance: 'round-robin' });
    const vhostd = await startSites(t, [site]);
    await vhostd.ready('a', 2);
    const [stuck] = await vhostd.workers('a');
    process.kill(stuck?.pid ?? 0, 'SIGSTOP');
    const { silentCount } = await begin(vhostd);
    assert.ok(silentCount >= 1);
    const clients = await openAll(await vhostd.port(), 10);
    await vhostd.until('all are with a worker', ({ sites }) => {
      const workers = sites[0]?.workers ?? [];
      return workers.reduce((sum, { connections }) => sum + connections, 0) === 10;
    });
    process.kill(stuck?.pid ?? 0, 'SIGCONT');
    for (const client of clients) {
      pageOf(await client.answer());
      client.close();
    }
    for (const { workerId } of await vhostd.workers('a')) {
      assert.equal(await vhostd.ask('callWorker', { to: workerId, name: 'seen', timeoutMs: 60_000 }), 0);
    }
  });

  void it('is answered by the master where the site has no worker', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ restart: NO_RESTART }), OTHER_SITE]);
    const port = await vhostd.port();
    const [worker] = await vhostd.workers('a');
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    await untilSite(vhostd, 'it has no worker', ({ workers }) => workers[0]?.state === 'backoff');
    const waiting = await openAll(port, 5);
    await untilSite(vhostd, 'five wait', ({ parked }) => parked === 5);
    await begin(vhostd, 'no worker');
    for (const client of [...waiting, ...(await openAll(port, 5))]) {
      assert.match(pageOf(await client.answer()), /no worker/);
      assert.equal((await client.rest()).length, 0);
      client.close();
    }
    assert.equal((await get(port, 'b.test')).status, 200);
    assert.deepEqual((await vhostd.status()).counts.refused, { 503: 10 });
    await end(vhostd);
    await openAll(port, 1);
    await untilSite(vhostd, 'one waits as before', ({ parked }) => parked === 1);
  });

  void it("shows the site's own page as it was when it began, and begins only if that can be read", async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ maintenancePage: 'page.html' }), OTHER_SITE]);
    const port = await vhostd.port();
    const file = join(vhostd.dir, 'page.html');
    const wrong: [Buffer | undefined, RegExp][] = [
      [undefined, /ENOENT/],
      [Buffer.from([0xc3, 0x28]), /not in UTF-8/],
      [Buffer.alloc(524_289, 'x'), /524288 are the limit/],
    ];
    for (const [content, message] of wrong) {
      if (content !== undefined) writeFileSync(file, content);
      await assert.rejects(begin(vhostd), { code: 'ERR_MAINTENANCE_PAGE', message });
      assert.deepEqual(
        [(await get(port, HOST)).status, (await vhostd.site('a')).maintenance],
        [200, undefined],
      );
    }
    writeFileSync(file, PAGE);
    assert.deepEqual(await begin(vhostd, 'not on it'), { siteId: 'a', on: true, page: file, silentCount: 0 });
    assert.equal(pageOf(await get(port, HOST)), PAGE);
    rmSync(file);
    await vhostd.reload('a');
    assert.equal(pageOf(await get(port, HOST)), PAGE);
    await assert.rejects(begin(vhostd), { code: 'ERR_MAINTENANCE_PAGE' });
    assert.equal(pageOf(await get(port, HOST)), PAGE);
    await end(vhostd);
    assert.equal((await get(port, HOST)).status, 200);
  });

  void it('is refused for a site that is not there, or speaks no HTTP, and for an invalid message', async (t) => {
    const vhostd = await startSites(t, [
      ledgerSite({ workerFile: siteFile('raw', import.meta.url) }),
      OTHER_SITE,
    ]);
    await assert.rejects(vhostd.maintenance('x'), {
      code: 'ERR_SITE_UNKNOWN',
      message: "there is no site 'x'; there are: a, b",
    });
    for (const options of [{ message: 5 }, { message: 'x'.repeat(2001) }, { massage: 'x' }, 'x', []]) {
      await assert.rejects(vhostd.ask('maintenance', { siteId: 'b', options }), { code: 'ERR_SITE_OPTION' });
    }
    await assert.rejects(begin(vhostd), { code: 'ERR_MAINTENANCE_SERVER' });
    assert.equal((await vhostd.site('a')).maintenance, undefined);
    assert.equal((await get(await vhostd.port(), HOST)).body.toString(), 'raw');
  });

  void it('of a paused site answers what is held, and what comes; the pause holds again behind it', async (t) => {
    const vhostd = await startSites(t, [ledgerSite()]);
    const port = await vhostd.port();
    await vhostd.pause('a', { timeout: '10m' });
    const before = await openAll(port, 3);
    await untilSite(vhostd, 'three are held', ({ parked }) => parked === 3);
    await begin(vhostd, 'held');
    for (const client of [...before, ...(await openAll(port, 3))]) {
      assert.match(pageOf(await client.answer()), /held/);
      client.close();
    }
    assert.equal(await vhostd.callSite('a', 'seen'), 0);
    await end(vhostd);
    const after = await openAll(port, 3);
    await untilSite(vhostd, 'three are held', ({ parked, paused }) => parked === 3 && paused === true);
    await vhostd.resume('a');
    assert.equal((await readAll(after)).length, 3);
  });
});

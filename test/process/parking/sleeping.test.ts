// A site that sleeps has no workers until somebody connects to it, and none again when nobody has for a while.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReloadResult, WorkerStatus } from '@vhostd/protocol';
import { selfSigned } from '../../kit/certificate.js';
import { get } from '../../kit/ask-site.js';
import { Random } from '../../kit/random.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { openSecure } from '../../kit/secure-client.js';
import { Load } from '../../kit/load.js';
import {
  ask,
  FAIL_FILE,
  HOST,
  ledgerCounts,
  ledgerOf,
  ledgerSite,
  openAll,
  OTHER_SITE,
  readAll,
  startSites,
  untilSite,
  openPatiently,
  LIMIT_MS,
} from './parked-site.js';

function asleep(vhostd: LoneMaster): Promise<void> {
  return untilSite(vhostd, 'it sleeps', ({ state, workers }) => state === 'idle' && workers.length === 0);
}

function isReady({ state }: WorkerStatus): boolean {
  return state === 'ready';
}

const COME_COUNT = process.env['VHOSTD_TEST_LONG'] === '1' ? 100 : 12;

void describe('a site of which the conf wants no workers', () => {
  void it('is started once by many first connections, which are all served', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0 }), OTHER_SITE]);
    const port = await vhostd.port();
    const other = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
    const { state, hosts, workers } = await vhostd.site('a');
    assert.deepEqual(
      [state, hosts, workers, ledgerCounts(vhostd)],
      ['idle', [HOST], [], { boots: 0, ends: 0 }],
    );
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await openPatiently(port);
        const answer = await ask(client);
        client.close();
        return answer;
      }),
    );
    (await other.stop()).assertNothingLost('the other site');
    const numbers = answers.map(({ number }) => number).toSorted((left, right) => left - right);
    assert.deepEqual(
      numbers,
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
    const status = await vhostd.status();
    t.diagnostic(`50 served by ${ledgerCounts(vhostd).boots} boot; another site: ${String(other.outcome)}`);
    assert.deepEqual([ledgerCounts(vhostd).boots, status.counts.refused], [1, {}]);
    assert.deepEqual(
      status.sites.map((site) => [site.state, site.workers.length]),
      [
        ['running', 1],
        ['running', 1],
      ],
    );
  });

  void it('is started by a TLS connection as well', async (t) => {
    const listen = [
      { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) },
    ];
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0, listen })]);
    const client = await openSecure(await vhostd.port('ssl'), HOST);
    assert.equal((await ask(client)).number, 1);
    assert.equal(ledgerCounts(vhostd).boots, 1);
    client.close();
  });

  void it('answers 503 to those that wait for a boot that fails, and says why; floods start nothing', async (t) => {
    const restart = { intensity: 2, backoffMin: '50ms', backoffMax: '50ms' };
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0, restart }), OTHER_SITE]);
    const port = await vhostd.port();
    const other = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
    vhostd.touch(FAIL_FILE);
    let refused = 0;
    const flood = async (count: number): Promise<void> => {
      await Promise.all(
        Array.from({ length: count }, async () => {
          assert.equal((await get(port, HOST, '/', { limitMs: LIMIT_MS })).status, 503);
          refused += 1;
        }),
      );
    };
    await flood(100);
    await untilSite(vhostd, 'it is given up', ({ state }) => state === 'errored');
    await flood(100);
    const { reason, workers } = await vhostd.site('a');
    (await other.stop()).assertNothingLost('the other site');
    t.diagnostic(`${refused} refused, ${ledgerCounts(vhostd).boots} boots`);
    assert.match(reason ?? '', /it cannot boot today/);
    // The first one and the two that the restart policy allows.
    assert.deepEqual([workers.length, ledgerCounts(vhostd).boots], [1, 3]);
    assert.deepEqual([(await vhostd.status()).counts.refused, refused], [{ 503: 200 }, 200]);
    rmSync(join(vhostd.dir, FAIL_FILE));
    await vhostd.reload('a');
    assert.equal(ledgerOf(await get(port, HOST)).number, 1);
  });

  void it('that could not be woken, but was then, is reloaded asleep as if nothing had been', async (t) => {
    const restart = { intensity: 100, backoffMin: '10ms', backoffMax: '10ms' };
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0, idleStop: '100ms', restart })]);
    const port = await vhostd.port();
    vhostd.touch(FAIL_FILE);
    assert.equal((await get(port, HOST, '/', { limitMs: LIMIT_MS })).status, 503);
    rmSync(join(vhostd.dir, FAIL_FILE));
    await untilSite(vhostd, 'it runs, or sleeps again', ({ state }) => ['running', 'idle'].includes(state));
    await asleep(vhostd);
    const { sites } = await vhostd.reload('a');
    assert.deepEqual(sites, [{ siteId: 'a', generation: 2, ok: true }]);
    assert.equal((await vhostd.site('a')).reason, undefined);
  });

  void it('takes a new conf at a reload and starts nothing, unless that wants workers', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0 }), OTHER_SITE]);
    const port = await vhostd.port();
    const reload = async (change: Record<string, unknown>): Promise<ReloadResult> => {
      vhostd.change('a', change);
      return await vhostd.reload('a');
    };
    const entry = { host: 'new.test', port: 0, ipaddress: '127.0.0.1' };
    assert.deepEqual(await reload({ listen: [entry] }), {
      sites: [{ siteId: 'a', generation: 2, ok: true }],
    });
    const site = await vhostd.site('a');
    assert.deepEqual([site.state, site.hosts, site.generation, site.workers], ['idle', ['new.test'], 2, []]);
    assert.equal((await get(port, HOST)).status, 421);
    const taken = await reload({ listen: [{ ...entry, host: 'b.test' }] });
    assert.equal(taken.sites[0]?.ok, false);
    assert.deepEqual((await vhostd.site('a')).hosts, ['new.test']);
    assert.deepEqual(ledgerCounts(vhostd), { boots: 0, ends: 0 });
    assert.equal(ledgerOf(await get(port, 'new.test')).generation, 2);
    assert.equal(ledgerCounts(vhostd).boots, 1);
    // Awake it is reloaded as any site is.
    await reload({ listen: [entry], idleStop: '50ms' });
    await asleep(vhostd);
    const [{ boots }, last] = [ledgerCounts(vhostd), await vhostd.site('a')];
    assert.deepEqual([boots, last.generation], [2, 3]);
    assert.deepEqual(await reload({ cpuLen: 2, idleStop: undefined }), {
      sites: [{ siteId: 'a', generation: 4, ok: true }],
    });
    await untilSite(vhostd, 'two workers are ready', ({ workers }) => workers.filter(isReady).length === 2);
    assert.equal(ledgerCounts(vhostd).boots, 4);
  });

  void it('is booted once where only its worker knows its hosts, and keeps them asleep and through a reload', async (t) => {
    const listen = JSON.stringify([{ host: HOST, port: 0, ipaddress: '127.0.0.1' }]);
    const site = ledgerSite({ cpuLen: 0, idleStop: '100ms', listen: [], env: { LISTEN: listen } });
    const vhostd = await startSites(t, [site, OTHER_SITE]);
    const port = await vhostd.port();
    for (const generation of [1, 2]) {
      await asleep(vhostd);
      assert.deepEqual([(await vhostd.site('a')).hosts, ledgerCounts(vhostd).boots], [[HOST], generation]);
      if (generation === 2) await vhostd.reload('a');
      assert.deepEqual(ledgerCounts(vhostd), { boots: generation, ends: generation });
      assert.equal(ledgerOf(await get(port, HOST)).generation, generation);
    }
  });

  void it('in maintenance is not started: the master answers', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0 })]);
    const port = await vhostd.port();
    await vhostd.ask('maintenance', { siteId: 'a', options: { message: 'asleep' } });
    for (const client of await openAll(port, 5)) {
      const { status, body } = await client.answer();
      assert.deepEqual([status, /asleep/.test(body.toString())], [503, true]);
      client.close();
    }
    assert.equal((await vhostd.site('a')).state, 'idle');
    await vhostd.ask('maintenance', { siteId: 'a', options: null });
    assert.deepEqual(
      [(await readAll(await openAll(port, 1)))[0]?.number, ledgerCounts(vhostd).boots],
      [1, 1],
    );
  });
});

void describe('a site that is stopped when nobody is connected', () => {
  void it('sleeps after each such while, having run its `stopped`, and wakes again', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 2, idleStop: '200ms' }), OTHER_SITE]);
    const port = await vhostd.port();
    for (let round = 0; round < 2; round += 1) {
      await asleep(vhostd);
      const counts = ledgerCounts(vhostd);
      assert.deepEqual([counts.boots, counts.ends], [2 * (round + 1), 2 * (round + 1)]);
      const clients = await openAll(port, 10);
      await untilSite(
        vhostd,
        'both workers are there',
        ({ workers }) => workers.filter(isReady).length === 2,
      );
      await readAll(clients);
    }
    // As long as anybody is connected, it stays.
    const client = await openPatiently(port);
    const { pid } = await ask(client);
    await delay(500);
    assert.equal((await vhostd.site('a')).state, 'running');
    assert.equal((await ask(client)).pid, pid);
    client.close();
    await asleep(vhostd);
    const { counts, sites } = await vhostd.status();
    t.diagnostic(JSON.stringify(ledgerCounts(vhostd)));
    assert.deepEqual([counts.refused, sites[1]?.state], [{}, 'running']);
  });

  void it('wakes with the release of its generation; a reload finds the one that is there when it wakes', async (t) => {
    const vhostd = await startSites(t, [
      ledgerSite({ cpuLen: 0, idleStop: '100ms', workerFile: 'current/site.cjs' }),
      OTHER_SITE,
    ]);
    const port = await vhostd.port();
    const answer = async (): Promise<string> => {
      const { body } = await get(port, HOST, '/', { limitMs: LIMIT_MS });
      await asleep(vhostd);
      return body.toString();
    };
    for (const release of ['one', 'two']) {
      const listener = `(request, response) => response.end('${release}')`;
      mkdirSync(join(vhostd.dir, release));
      writeFileSync(
        join(vhostd.dir, release, 'site.cjs'),
        `require('node:http').createServer(${listener}).listen(1);`,
      );
    }
    symlinkSync('one', join(vhostd.dir, 'current'));
    assert.equal(await answer(), 'one');
    rmSync(join(vhostd.dir, 'current'));
    symlinkSync('two', join(vhostd.dir, 'current'));
    assert.equal(await answer(), 'one');
    await vhostd.reload('a');
    assert.equal(await answer(), 'two');
  });

  void it('serves a connection that comes while it is put to sleep', async (t) => {
    const seed = Random.seed();
    const random = new Random(seed);
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 1, idleStop: '30ms' })]);
    const port = await vhostd.port();
    for (let count = 0; count < COME_COUNT; count += 1) {
      assert.equal(ledgerOf(await get(port, HOST, '/', { limitMs: LIMIT_MS })).generation, 1);
      await delay(random.integer(20, 90));
    }
    const { counts } = await vhostd.status();
    const { boots } = ledgerCounts(vhostd);
    t.diagnostic(`SEED=${seed}: ${COME_COUNT} requests, ${boots} boots`);
    assert.ok(boots > 2);
    assert.deepEqual([counts.refused, counts.accepted], [{}, COME_COUNT]);
    await asleep(vhostd);
    const books = ledgerCounts(vhostd);
    assert.equal(books.boots, books.ends);
  });
});

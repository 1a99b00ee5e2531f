// A site that sleeps has no workers until somebody connects to it, and none again when nobody has for a while.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerStatus } from '@vhostd/protocol';
import { selfSigned } from '../../kit/certificate.js';
import { get } from '../../kit/ask-site.js';
import { Random } from '../../kit/random.js';
import type { Rig } from '../../kit/rig.js';
import { openSecure } from '../../kit/secure-client.js';
import { SteadyLoad } from '../../kit/steady-load.js';
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

function asleep(rig: Rig): Promise<void> {
  return untilSite(rig, 'it sleeps', ({ state, workers }) => state === 'sleeping' && workers.length === 0);
}

function isReady({ state }: WorkerStatus): boolean {
  return state === 'ready';
}

/** Changes site `a` in the conf file. */
function changeConf(rig: Rig, change: Record<string, unknown>): void {
  const file = join(rig.dir, 'vhostd.config.json');
  const conf = JSON.parse(readFileSync(file, 'utf8')) as { sites: Record<string, unknown>[] };
  for (const site of conf.sites) if (site['siteId'] === 'a') Object.assign(site, change);
  writeFileSync(file, JSON.stringify(conf));
}

void describe('a site of which the conf wants no workers', () => {
  void it('is started once by many first connections, which are all served', async (t) => {
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0 }), OTHER_SITE]);
    const port = await rig.port();
    const other = new SteadyLoad(port, 'b.test');
    const { state, hosts, workers } = await rig.site('a');
    assert.deepEqual(
      [state, hosts, workers, ledgerCounts(rig)],
      ['sleeping', [HOST], [], { boots: 0, ends: 0 }],
    );
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await openPatiently(port);
        const answer = await ask(client);
        client.close();
        return answer;
      }),
    );
    await other.stop();
    const numbers = answers.map(({ number }) => number).toSorted((left, right) => left - right);
    assert.deepEqual(
      numbers,
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
    const status = await rig.status();
    t.diagnostic(`50 served by ${ledgerCounts(rig).boots} boot; ${other.count} of another site meanwhile`);
    assert.deepEqual([ledgerCounts(rig).boots, status.counts.refused, other.failures], [1, {}, []]);
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
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0, listen })]);
    const client = await openSecure(await rig.port('ssl'), HOST);
    assert.equal((await ask(client)).number, 1);
    assert.equal(ledgerCounts(rig).boots, 1);
    client.close();
  });

  void it('answers 503 to those that wait for a boot that fails, and says why; floods start nothing', async (t) => {
    const restart = { intensity: 2, backoffMin: '50ms', backoffMax: '50ms' };
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0, restart }), OTHER_SITE]);
    const port = await rig.port();
    const other = new SteadyLoad(port, 'b.test');
    writeFileSync(join(rig.dir, FAIL_FILE), '');
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
    await untilSite(rig, 'it is given up', ({ state }) => state === 'errored');
    await flood(100);
    const { reason, workers } = await rig.site('a');
    await other.stop();
    t.diagnostic(`${refused} refused, ${ledgerCounts(rig).boots} boots`);
    assert.match(reason ?? '', /it cannot boot today/);
    // The first one and the two that the restart policy allows.
    assert.deepEqual([workers.length, ledgerCounts(rig).boots], [1, 3]);
    assert.deepEqual([(await rig.status()).counts.refused, refused], [{ 503: 200 }, 200]);
    assert.deepEqual(other.failures, []);
    rmSync(join(rig.dir, FAIL_FILE));
    await rig.ask('reload', 'a');
    assert.equal(ledgerOf(await get(port, HOST)).number, 1);
  });

  void it('that could not be woken, but was then, is reloaded asleep as if nothing had been', async (t) => {
    const restart = { intensity: 100, backoffMin: '10ms', backoffMax: '10ms' };
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0, idleStop: '100ms', restart })]);
    const port = await rig.port();
    writeFileSync(join(rig.dir, FAIL_FILE), '');
    assert.equal((await get(port, HOST, '/', { limitMs: LIMIT_MS })).status, 503);
    rmSync(join(rig.dir, FAIL_FILE));
    await untilSite(rig, 'it runs, or sleeps again', ({ state }) => ['running', 'sleeping'].includes(state));
    await asleep(rig);
    const { sites } = (await rig.ask('reload', 'a')) as { sites: unknown[] };
    assert.deepEqual(sites, [{ siteId: 'a', generation: 2, ok: true }]);
    assert.equal((await rig.site('a')).reason, undefined);
  });

  void it('takes a new conf at a reload and starts nothing, unless that wants workers', async (t) => {
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0 }), OTHER_SITE]);
    const port = await rig.port();
    const reload = async (change: Record<string, unknown>): Promise<unknown> => {
      changeConf(rig, change);
      return await rig.ask('reload', 'a');
    };
    const entry = { host: 'new.test', port: 0, ipaddress: '127.0.0.1' };
    assert.deepEqual(await reload({ listen: [entry] }), {
      sites: [{ siteId: 'a', generation: 2, ok: true }],
    });
    const site = await rig.site('a');
    assert.deepEqual(
      [site.state, site.hosts, site.generation, site.workers],
      ['sleeping', ['new.test'], 2, []],
    );
    assert.equal((await get(port, HOST)).status, 421);
    const taken = (await reload({ listen: [{ ...entry, host: 'b.test' }] })) as { sites: { ok: boolean }[] };
    assert.equal(taken.sites[0]?.ok, false);
    assert.deepEqual((await rig.site('a')).hosts, ['new.test']);
    assert.deepEqual(ledgerCounts(rig), { boots: 0, ends: 0 });
    assert.equal(ledgerOf(await get(port, 'new.test')).generation, 2);
    assert.equal(ledgerCounts(rig).boots, 1);
    // Awake it is reloaded as any site is.
    await reload({ listen: [entry], idleStop: '50ms' });
    await asleep(rig);
    const [{ boots }, last] = [ledgerCounts(rig), await rig.site('a')];
    assert.deepEqual([boots, last.generation], [2, 3]);
    assert.deepEqual(await reload({ cpuLen: 2, idleStop: undefined }), {
      sites: [{ siteId: 'a', generation: 4, ok: true }],
    });
    await untilSite(rig, 'two workers are ready', ({ workers }) => workers.filter(isReady).length === 2);
    assert.equal(ledgerCounts(rig).boots, 4);
  });

  void it('is booted once where only its worker knows its hosts, and keeps them asleep and through a reload', async (t) => {
    const listen = JSON.stringify([{ host: HOST, port: 0, ipaddress: '127.0.0.1' }]);
    const site = ledgerSite({ cpuLen: 0, idleStop: '100ms', listen: [], env: { LISTEN: listen } });
    const rig = await startSites(t, [site, OTHER_SITE]);
    const port = await rig.port();
    for (const generation of [1, 2]) {
      await asleep(rig);
      assert.deepEqual([(await rig.site('a')).hosts, ledgerCounts(rig).boots], [[HOST], generation]);
      if (generation === 2) await rig.ask('reload', 'a');
      assert.deepEqual(ledgerCounts(rig), { boots: generation, ends: generation });
      assert.equal(ledgerOf(await get(port, HOST)).generation, generation);
    }
  });

  void it('in maintenance is not started: the master answers', async (t) => {
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0 })]);
    const port = await rig.port();
    await rig.ask('maintenance', { siteId: 'a', options: { message: 'asleep' } });
    for (const client of await openAll(port, 5)) {
      const { status, body } = await client.answer();
      assert.deepEqual([status, /asleep/.test(body.toString())], [503, true]);
      client.close();
    }
    assert.equal((await rig.site('a')).state, 'sleeping');
    await rig.ask('maintenance', { siteId: 'a', options: null });
    assert.deepEqual([(await readAll(await openAll(port, 1)))[0]?.number, ledgerCounts(rig).boots], [1, 1]);
  });
});

void describe('a site that is stopped when nobody is connected', () => {
  void it('sleeps after each such while, having run its `stopped`, and wakes again', async (t) => {
    const rig = await startSites(t, [ledgerSite({ cpuLen: 2, idleStop: '300ms' }), OTHER_SITE]);
    const port = await rig.port();
    for (let round = 0; round < 2; round += 1) {
      await asleep(rig);
      const counts = ledgerCounts(rig);
      assert.deepEqual([counts.boots, counts.ends], [2 * (round + 1), 2 * (round + 1)]);
      const clients = await openAll(port, 10);
      await untilSite(rig, 'both workers are there', ({ workers }) => workers.filter(isReady).length === 2);
      await readAll(clients);
    }
    // As long as anybody is connected, it stays.
    const client = await openPatiently(port);
    const { pid } = await ask(client);
    await delay(1000);
    assert.equal((await rig.site('a')).state, 'running');
    assert.equal((await ask(client)).pid, pid);
    client.close();
    await asleep(rig);
    const { counts, sites } = await rig.status();
    t.diagnostic(JSON.stringify(ledgerCounts(rig)));
    assert.deepEqual([counts.refused, sites[1]?.state], [{}, 'running']);
  });

  void it('wakes with the release of its generation; a reload finds the one that is there when it wakes', async (t) => {
    const rig = await startSites(t, [
      ledgerSite({ cpuLen: 0, idleStop: '100ms', workerFile: 'current/site.cjs' }),
      OTHER_SITE,
    ]);
    const port = await rig.port();
    const answer = async (): Promise<string> => {
      const { body } = await get(port, HOST, '/', { limitMs: LIMIT_MS });
      await asleep(rig);
      return body.toString();
    };
    for (const release of ['one', 'two']) {
      const listener = `(request, response) => response.end('${release}')`;
      mkdirSync(join(rig.dir, release));
      writeFileSync(
        join(rig.dir, release, 'site.cjs'),
        `require('node:http').createServer(${listener}).listen(1);`,
      );
    }
    symlinkSync('one', join(rig.dir, 'current'));
    assert.equal(await answer(), 'one');
    rmSync(join(rig.dir, 'current'));
    symlinkSync('two', join(rig.dir, 'current'));
    assert.equal(await answer(), 'one');
    await rig.ask('reload', 'a');
    assert.equal(await answer(), 'two');
  });

  void it('serves a connection that comes while it is put to sleep', async (t) => {
    const seed = Random.seed();
    const random = new Random(seed);
    const rig = await startSites(t, [ledgerSite({ cpuLen: 1, idleStop: '30ms' })]);
    const port = await rig.port();
    for (let count = 0; count < 20; count += 1) {
      assert.equal(ledgerOf(await get(port, HOST, '/', { limitMs: LIMIT_MS })).generation, 1);
      await delay(random.integer(20, 90));
    }
    const { counts } = await rig.status();
    const { boots } = ledgerCounts(rig);
    t.diagnostic(`SEED=${seed}: 20 requests, ${boots} boots`);
    assert.ok(boots > 3);
    assert.deepEqual([counts.refused, counts.accepted], [{}, 20]);
    await asleep(rig);
    const books = ledgerCounts(rig);
    assert.equal(books.boots, books.ends);
  });
});

// A pause holds new connections, bounded in number and time; what workers have goes on; a resume loses none.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { askSite } from '../../kit/ask-site.js';
import { Load, MIXED } from '../../kit/load.js';
import { Random } from '../../kit/random.js';
import type { WireClient } from '../../kit/wire-client.js';
import {
  ask,
  HOST,
  ledgerCounts,
  ledgerSite,
  LIMIT_MS,
  openAll,
  OTHER_SITE,
  readAll,
  startSites,
  untilSite,
  openPatiently,
} from './parked-site.js';

const ROUNDS = process.env['VHOSTD_TEST_LONG'] === '1' ? 10 : 2;

void describe('a pause', () => {
  void it('under load and through a reload loses nothing', async (t) => {
    const seed = Random.seed();
    const vhostd = await startSites(t, [{ siteId: 'a', cpuLen: 2, drainTimeout: '30s' }, OTHER_SITE]);
    const port = await vhostd.port();
    const load = { port, host: HOST, connections: 'kept', limitMs: LIMIT_MS, ...MIXED } as const;
    const kept = new Load({ ...load, clientCount: 8, seed, pauseMaxMs: 10 });
    const other = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
    await kept.progress(100);
    for (let round = 0; round < ROUNDS; round += 1) {
      await vhostd.pause('a', { timeout: '10m' });
      const fresh = new Load({ ...load, clientCount: 50, seed: seed + 1000 * (round + 1) });
      await untilSite(vhostd, '50 are held', ({ parked }) => parked === 50);
      await kept.progress(100);
      if (round === 1) {
        await vhostd.reloaded('a');
        await kept.progress(100);
      }
      const { paused, parked } = await vhostd.site('a');
      assert.deepEqual([paused, parked, fresh.outcome.counts.ok], [true, 50, 0]);
      const resumed = await vhostd.resume('a');
      assert.deepEqual(resumed, { siteId: 'a', wasPaused: true, heldCount: 50 });
      await fresh.progress(200);
      (await fresh.stop()).assertNothingClosed(50, 'what was held');
    }
    (await kept.stop()).assertNothingClosed(8);
    (await other.stop()).assertNothingLost('the other site');
    const { counts } = await vhostd.status();
    t.diagnostic(`SEED=${seed}: kept alive ${String(kept.outcome)}; another site ${String(other.outcome)}`);
    assert.deepEqual([counts.refused, counts.violations], [{}, 0]);
    assert.equal((await vhostd.site('a')).paused, undefined);
  });

  void it('hands over what it held in the order in which it came', async (t) => {
    const vhostd = await startSites(t, [ledgerSite()]);
    const port = await vhostd.port();
    await vhostd.pause('a');
    const clients: WireClient[] = [];
    for (let count = 1; count <= 30; count += 1) {
      clients.push(...(await openAll(port, 1)));
      await untilSite(vhostd, `${count} are held`, ({ parked }) => parked === count);
    }
    await vhostd.resume('a');
    const numbers = (await readAll(clients)).map(({ number }) => number);
    assert.deepEqual(
      numbers,
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
  });

  void it('holds so many connections and no more, and each for so long', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ parkMaxCount: 5, parkTimeout: '45s' }), OTHER_SITE]);
    const port = await vhostd.port();
    const kept = await openPatiently(port);
    await ask(kept);
    assert.deepEqual(await vhostd.pause('a'), {
      siteId: 'a',
      timeoutMs: 45_000,
      maxCount: 5,
    });
    const held = await openAll(port, 5);
    await untilSite(vhostd, 'five are held', ({ parked }) => parked === 5);
    for (const surplus of await openAll(port, 7)) await refused(surplus);
    assert.deepEqual((await vhostd.status()).counts.refused, { 503: 7 });
    assert.equal((await askSite(port, 'b.test')).siteId, 'b');
    assert.equal((await ask(kept)).number, 2);
    // Paused once more, what is held has this time from now on.
    await vhostd.pause('a', { timeout: '50ms' });
    for (const client of held) await refused(client);
    const { counts } = await vhostd.status();
    t.diagnostic(`refused: ${JSON.stringify(counts.refused)}`);
    assert.deepEqual(counts.refused, { 503: 12 });
    const { paused, parked } = await vhostd.site('a');
    assert.deepEqual([paused, parked], [true, 0]);
    assert.deepEqual(await vhostd.resume('a'), { siteId: 'a', wasPaused: true, heldCount: 0 });
    assert.deepEqual(await vhostd.resume('a'), { siteId: 'a', wasPaused: false, heldCount: 0 });
    const [next] = await openAll(port, 1);
    assert.equal((await readAll(next === undefined ? [] : [next]))[0]?.number, 3);
    kept.close();
  });

  void it('of a site that has no workers starts none, and its end does', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0 })]);
    const port = await vhostd.port();
    await vhostd.pause('a');
    const clients = await openAll(port, 10);
    await untilSite(vhostd, 'ten are held', ({ parked }) => parked === 10);
    const { state, workers } = await vhostd.site('a');
    assert.deepEqual([state, workers.length, ledgerCounts(vhostd).boots], ['idle', 0, 0]);
    await vhostd.resume('a');
    const answers = await readAll(clients);
    assert.deepEqual([new Set(answers.map(({ pid }) => pid)).size, ledgerCounts(vhostd).boots], [1, 1]);
    assert.deepEqual((await vhostd.status()).counts.refused, {});
  });

  void it('has room again when a client leaves, whose request is not run', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ parkMaxCount: 3 })]);
    const port = await vhostd.port();
    await vhostd.pause('a');
    const leaving = await openAll(port, 3);
    await untilSite(vhostd, 'three are held', ({ parked }) => parked === 3);
    leaving[0]?.reset();
    await untilSite(vhostd, 'a place is free', ({ parked }) => parked === 2);
    // Time in which it is seen that they have not sent their last byte: one who had would wait for an answer.
    await delay(3000);
    for (const client of leaving.slice(1)) client.close();
    await untilSite(vhostd, 'each place is free', ({ parked }) => parked === 0);
    const clients = await openAll(port, 3);
    await untilSite(vhostd, 'three are held', ({ parked }) => parked === 3);
    await vhostd.resume('a');
    // Held in the order in which their requests were read, which is nobody's business here.
    const numbers = (await readAll(clients)).map(({ number }) => number);
    assert.deepEqual(
      numbers.toSorted((left, right) => left - right),
      [1, 2, 3],
    );
    assert.deepEqual((await vhostd.status()).counts.refused, {});
  });

  void it('keeps a client that said with its request that it sends no more', async (t) => {
    const vhostd = await startSites(t, [ledgerSite()]);
    const port = await vhostd.port();
    await vhostd.pause('a');
    const client = await openPatiently(port);
    client.socket.end(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    await untilSite(vhostd, 'it is held', ({ parked }) => parked === 1);
    await delay(500);
    await vhostd.resume('a');
    assert.equal((await readAll([client]))[0]?.number, 1);
  });

  void it('is refused for a site that is not there, and for an invalid time', async (t) => {
    const vhostd = await startSites(t, [ledgerSite({ cpuLen: 0 }), OTHER_SITE]);
    const unknown = { code: 'ERR_SITE_UNKNOWN', message: "there is no site 'x'; there are: a, b" };
    await assert.rejects(vhostd.pause('x'), unknown);
    await assert.rejects(vhostd.resume('x'), unknown);
    for (const timeout of ['5', 0, -1, 1.5, '25d', {}, null]) {
      await assert.rejects(vhostd.ask('pause', { siteId: 'a', options: { timeout } }), {
        code: 'ERR_SITE_OPTION',
      });
    }
    await assert.rejects(vhostd.ask('pause', { siteId: 'a', options: { timeut: '1s' } }), {
      code: 'ERR_SITE_OPTION',
    });
    assert.equal((await vhostd.site('a')).paused, undefined);
  });
});

/** The answer is 503, and the connection ends. */
async function refused(client: WireClient): Promise<void> {
  const { status, headers } = await client.answer();
  assert.equal(status, 503);
  assert.match(headers['retry-after'] ?? '', /^\d+$/);
  await client.rest();
  client.close();
}

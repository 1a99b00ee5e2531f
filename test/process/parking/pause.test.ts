// A pause holds new connections, bounded in number and time; what workers have goes on; a resume loses none.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askSite } from '../../kit/ask-site.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { Random } from '../../kit/random.js';
import { siteFile } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import type { WireClient } from '../../kit/wire-client.js';
import {
  ask,
  HOST,
  ledgerCounts,
  ledgerSite,
  openAll,
  OTHER_SITE,
  readAll,
  startSites,
  untilSite,
  openPatiently,
} from './parked-site.js';

void describe('a pause', () => {
  for (const handoff of ['pipe', 'ipc']) {
    void it(`over ${handoff}, under load and through a reload, loses nothing`, async (t) => {
      const seed = Random.seed();
      const site = { siteId: 'a', hosts: [HOST], workerFile: siteFile('exchange'), cpuLen: 2 };
      const rig = await startSites(t, [{ ...site, drainTimeout: '30s' }, OTHER_SITE], { handoff });
      const port = await rig.port();
      const kept = new KeepAliveLoad({ port, host: HOST, clientCount: 8, seed, connect: openPatiently });
      const other = new SteadyLoad(port, 'b.test');
      await kept.progress(200);
      for (let round = 0; round < 3; round += 1) {
        await rig.ask('pause', { siteId: 'a', options: { timeout: '10m' } });
        const fresh = new KeepAliveLoad({
          port,
          host: HOST,
          clientCount: 50,
          seed: seed + 1000 * (round + 1),
          connect: openPatiently,
        });
        await untilSite(rig, '50 are held', ({ parked }) => parked === 50);
        await kept.progress(200);
        if (round === 1) {
          const { sites } = (await rig.ask('reload', 'a')) as { sites: { ok: boolean }[] };
          assert.deepEqual(
            sites.map(({ ok }) => ok),
            [true],
          );
          await kept.progress(200);
        }
        const { paused, parked } = await rig.site('a');
        assert.deepEqual([paused, parked, fresh.tally.counts.ok], [true, 50, 0]);
        const resumed = await rig.ask('resume', 'a');
        assert.deepEqual(resumed, { siteId: 'a', wasPaused: true, heldCount: 50 });
        await fresh.progress(500);
        const { lost, connectCount, failures } = await fresh.stop();
        assert.deepEqual([lost, connectCount], [NOTHING_LOST, 50], failures.join('\n'));
      }
      const tally = await kept.stop();
      await other.stop();
      assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
      assert.deepEqual([tally.connectCount, tally.announcedCount], [8, 0]);
      assert.deepEqual(other.failures, []);
      const { counts } = await rig.status();
      t.diagnostic(
        `SEED=${seed}: ${tally.counts.ok} requests kept alive, 150 held, ${other.count} of another site`,
      );
      assert.deepEqual([counts.refused, counts.violations], [{}, 0]);
      assert.equal((await rig.site('a')).paused, undefined);
    });
  }

  void it('hands over what it held in the order in which it came', async (t) => {
    const rig = await startSites(t, [ledgerSite()]);
    const port = await rig.port();
    await rig.ask('pause', { siteId: 'a' });
    const clients: WireClient[] = [];
    for (let count = 1; count <= 30; count += 1) {
      clients.push(...(await openAll(port, 1)));
      await untilSite(rig, `${count} are held`, ({ parked }) => parked === count);
    }
    await rig.ask('resume', 'a');
    const numbers = (await readAll(clients)).map(({ number }) => number);
    assert.deepEqual(
      numbers,
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
  });

  void it('holds so many connections and no more, and each for so long', async (t) => {
    const rig = await startSites(t, [ledgerSite({ parkMaxCount: 5, parkTimeout: '45s' }), OTHER_SITE]);
    const port = await rig.port();
    const kept = await openPatiently(port);
    await ask(kept);
    assert.deepEqual(await rig.ask('pause', { siteId: 'a' }), {
      siteId: 'a',
      timeoutMs: 45_000,
      maxCount: 5,
    });
    const held = await openAll(port, 5);
    await untilSite(rig, 'five are held', ({ parked }) => parked === 5);
    for (const surplus of await openAll(port, 7)) await refused(surplus);
    assert.deepEqual((await rig.status()).counts.refused, { 503: 7 });
    assert.equal((await askSite(port, 'b.test')).siteId, 'b');
    assert.equal((await ask(kept)).number, 2);
    // Paused once more, what is held has this time from now on.
    await rig.ask('pause', { siteId: 'a', options: { timeout: '50ms' } });
    for (const client of held) await refused(client);
    const { counts } = await rig.status();
    t.diagnostic(`refused: ${JSON.stringify(counts.refused)}`);
    assert.deepEqual(counts.refused, { 503: 12 });
    const { paused, parked } = await rig.site('a');
    assert.deepEqual([paused, parked], [true, 0]);
    assert.deepEqual(await rig.ask('resume', 'a'), { siteId: 'a', wasPaused: true, heldCount: 0 });
    assert.deepEqual(await rig.ask('resume', 'a'), { siteId: 'a', wasPaused: false, heldCount: 0 });
    const [next] = await openAll(port, 1);
    assert.equal((await readAll(next === undefined ? [] : [next]))[0]?.number, 3);
    kept.close();
  });

  void it('of a site that has no workers starts none, and its end does', async (t) => {
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0 })]);
    const port = await rig.port();
    await rig.ask('pause', { siteId: 'a' });
    const clients = await openAll(port, 10);
    await untilSite(rig, 'ten are held', ({ parked }) => parked === 10);
    const { state, workers } = await rig.site('a');
    assert.deepEqual([state, workers.length, ledgerCounts(rig).boots], ['sleeping', 0, 0]);
    await rig.ask('resume', 'a');
    const answers = await readAll(clients);
    assert.deepEqual([new Set(answers.map(({ pid }) => pid)).size, ledgerCounts(rig).boots], [1, 1]);
    assert.deepEqual((await rig.status()).counts.refused, {});
  });

  void it('is refused for a site that is not there, and for a time that is none', async (t) => {
    const rig = await startSites(t, [ledgerSite({ cpuLen: 0 }), OTHER_SITE]);
    const unknown = { code: 'ERR_SITE_UNKNOWN', message: "there is no site 'x'; there are: a, b" };
    await assert.rejects(rig.ask('pause', { siteId: 'x' }), unknown);
    await assert.rejects(rig.ask('resume', 'x'), unknown);
    for (const timeout of ['5', 0, -1, 1.5, '25d', {}, null]) {
      await assert.rejects(rig.ask('pause', { siteId: 'a', options: { timeout } }), {
        code: 'ERR_SITE_OPTION',
      });
    }
    await assert.rejects(rig.ask('pause', { siteId: 'a', options: { timeut: '1s' } }), {
      code: 'ERR_SITE_OPTION',
    });
    assert.equal((await rig.site('a')).paused, undefined);
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

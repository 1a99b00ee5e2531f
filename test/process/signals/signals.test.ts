// The signals that an operator sends to `vhostd run`: SIGHUP reloads, SIGTERM and SIGINT stop.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from '../../kit/ask-site.js';
import { DaemonRig } from '../../kit/daemon-rig.js';
import type { DaemonSite } from '../../kit/daemon-rig.js';
import { HeldRequest } from '../../kit/held-request.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { Random } from '../../kit/random.js';
import { siteFile } from '../../kit/rig.js';
import { NOTHING_LOST } from '../../kit/tally.js';

const SITE: DaemonSite = {
  siteId: 'a',
  hosts: ['a.test'],
  workerFile: siteFile('exchange'),
  cpuLen: 1,
  drainTimeout: '60s',
};

/** What the lines of the daemon's log tell of the sites that were reloaded. */
function outcomesOf(lines: Record<string, unknown>[]): Record<string, unknown>[] {
  return lines.flatMap((line) => line['sites'] as Record<string, unknown>[]);
}

void describe('signals', { concurrency: 2 }, () => {
  void it('SIGHUP reloads with the conf as it is now, and tells the outcome', async (t) => {
    const rig = await DaemonRig.start(t, [SITE]);
    rig.configure([SITE, { ...SITE, siteId: 'b', hosts: ['b.test'] }]);
    rig.signal('SIGHUP');
    const reloaded = outcomesOf(await rig.logs('order.done'));
    assert.deepEqual(reloaded, [
      { siteId: 'a', generation: 2, ok: true },
      { siteId: 'b', generation: 1, ok: true },
    ]);
    const port = await rig.port();
    for (const host of ['a.test', 'b.test']) assert.equal((await get(port, host)).status, 200);
  });

  void it('a reload by SIGHUP that fails tells why, be it the conf or a site', async (t) => {
    const rig = await DaemonRig.start(t, [SITE]);
    writeFileSync(rig.confFile, '{ "sites": 3 }');
    rig.signal('SIGHUP');
    const [refused] = await rig.logs('order.failed');
    assert.equal(refused?.['code'], 'ERR_CONF_INVALID');
    assert.match(String(refused['message']), /vhostd\.config\.json: sites: 3 is not a list/);
    writeFileSync(join(rig.dir, 'broken.cjs'), `throw new Error('no database');`);
    rig.configure([{ ...SITE, workerFile: 'broken.cjs' }]);
    rig.signal('SIGHUP');
    const [failed] = await rig.logs('site.reload.failed');
    assert.deepEqual(
      [failed?.['siteId'], failed?.['generation'], failed?.['message']],
      ['a', 2, 'no database'],
    );
    const [told] = outcomesOf(await rig.logs('order.done'));
    assert.deepEqual([told?.['siteId'], told?.['ok']], ['a', false]);
    assert.equal((await get(await rig.port(), 'a.test')).status, 200);
    assert.equal((await rig.site('a')).reason, 'the last reload failed, generation 1 serves on: no database');
  });

  void it('50 SIGHUPs within a second are two reloads, and cost no request', async (t) => {
    const seed = Random.seed();
    const rig = await DaemonRig.start(t, [SITE]);
    const port = await rig.port();
    const load = new KeepAliveLoad({ port, host: 'a.test', clientCount: 4, seed, pauseMaxMs: 50 });
    const startedMs = performance.now();
    for (let count = 0; count < 50; count += 1) {
      rig.signal('SIGHUP');
      await delay(18);
    }
    const tookMs = performance.now() - startedMs;
    await rig.until('reloads have ended', ({ sites }) => sites[0]?.state === 'running');
    // One that was asked for behind the last signal has ended behind all that the signals led to.
    const [last] = (await rig.client.reload()).sites;
    const tally = await load.stop();
    const reloadCount = (last?.generation ?? 0) - 2;
    t.diagnostic(
      `SEED=${seed}: 50 signals in ${Math.round(tookMs)} ms, ${reloadCount} reloads, ${tally.counts.ok} requests`,
    );
    // A reload takes a second at least, so that one more may fit in where the machine was slow to send them.
    assert.ok(reloadCount >= 1 && reloadCount <= 1 + Math.ceil(tookMs / 1000), `${reloadCount} reloads`);
    assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
    assert.deepEqual([tally.connectCount, tally.announcedCount], [4, 0]);
  });

  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    void it(`${name} lets requests finish, and ends with exit code 0`, async (t) => {
      const rig = await DaemonRig.start(t, [SITE]);
      const request = await begin(rig);
      const pids = await rig.pids();
      rig.signal(name);
      await draining(rig);
      assert.equal((await request.finish()).closes, true);
      const { code, signal } = await rig.ended;
      assert.deepEqual([code, signal], [0, null]);
      await rig.gone(pids);
    });
  }

  void it('SIGHUP during a stop does nothing', async (t) => {
    const rig = await DaemonRig.start(t, [SITE]);
    const request = await begin(rig);
    const pids = await rig.pids();
    rig.configure([SITE, { ...SITE, siteId: 'b', hosts: ['b.test'] }]);
    rig.signal('SIGTERM');
    await draining(rig);
    rig.signal('SIGHUP');
    const [refused] = await rig.logs('order.failed');
    assert.equal(refused?.['code'], 'ERR_MASTER_NOT_RUNNING');
    assert.equal((await request.finish()).siteId, 'a');
    assert.equal((await rig.ended).code, 0);
    await rig.gone(pids);
    assert.equal(rig.logged('worker.spawned').length, 1);
    assert.deepEqual(rig.logged('order.done'), []);
  });
});

/** A request that is in work. */
async function begin(rig: DaemonRig): Promise<HeldRequest> {
  const request = await HeldRequest.begin(await rig.port(), 'a.test');
  await rig.until('the request is in work', ({ counts }) => counts?.handedOff === 1);
  return request;
}

async function draining(rig: DaemonRig): Promise<void> {
  await rig.until('the worker drains', ({ sites }) => sites[0]?.workers[0]?.state === 'draining');
}

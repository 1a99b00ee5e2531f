// The signals that an operator sends to `vhostd run`: SIGHUP reloads, SIGTERM and SIGINT stop.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { HeldRequest } from '../../kit/held-request.js';
import { Load, MIXED } from '../../kit/load.js';
import { Random } from '../../kit/random.js';

const SITE: SiteOptions = { siteId: 'a', drainTimeout: '60s' };

/** What the lines of the daemon's log tell of the sites that were reloaded. */
function outcomesOf(lines: Record<string, unknown>[]): Record<string, unknown>[] {
  return lines.flatMap((line) => line['sites'] as Record<string, unknown>[]);
}

void describe('signals', { concurrency: 3 }, () => {
  void it('SIGHUP reloads with the conf as it is now, and tells the outcome', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
    vhostd.configure([SITE, { ...SITE, siteId: 'b', hosts: ['b.test'] }]);
    vhostd.signal('SIGHUP');
    const reloaded = outcomesOf(await vhostd.logs('order.done'));
    assert.deepEqual(reloaded, [
      { siteId: 'a', generation: 2, ok: true },
      { siteId: 'b', generation: 1, ok: true },
    ]);
    const port = await vhostd.port();
    for (const host of ['a.test', 'b.test']) assert.equal((await get(port, host)).status, 200);
  });

  void it('a reload by SIGHUP that fails tells why, be it the conf or a site', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
    writeFileSync(vhostd.confFile, '{ "sites": 3 }');
    vhostd.signal('SIGHUP');
    const [refused] = await vhostd.logs('order.failed');
    assert.equal(refused?.['code'], 'ERR_CONF_INVALID');
    assert.match(String(refused['message']), /vhostd\.config\.json: sites: 3 is not a list/);
    writeFileSync(join(vhostd.dir, 'broken.cjs'), `throw new Error('no database');`);
    vhostd.configure([{ ...SITE, workerFile: 'broken.cjs' }]);
    vhostd.signal('SIGHUP');
    const [failed] = await vhostd.logs('site.reload.failed');
    assert.deepEqual(
      [failed?.['siteId'], failed?.['generation'], failed?.['message']],
      ['a', 2, 'no database'],
    );
    const done = await vhostd.logs('order.done');
    const [told] = outcomesOf(done);
    assert.deepEqual([told?.['siteId'], told?.['ok']], ['a', false]);
    // A pino level: warn.
    assert.deepEqual(
      done.map(({ level }) => level),
      [40],
    );
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
    assert.equal(
      (await vhostd.site('a')).reason,
      'the last reload failed, generation 1 serves on: no database',
    );
  });

  void it('50 SIGHUPs within a second are two reloads, and cost no request', async (t) => {
    const seed = Random.seed();
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ ...SITE, settleTime: '1s' }] });
    const port = await vhostd.port();
    const connections = 'kept';
    const load = new Load({
      port,
      host: 'a.test',
      connections,
      clientCount: 4,
      seed,
      pauseMaxMs: 50,
      ...MIXED,
    });
    const startedMs = performance.now();
    for (let count = 0; count < 50; count += 1) {
      vhostd.signal('SIGHUP');
      await delay(18);
    }
    const tookMs = performance.now() - startedMs;
    await vhostd.until('reloads have ended', ({ sites }) => sites[0]?.state === 'running');
    // One that was asked for behind the last signal has ended behind all that the signals led to.
    const [last] = (await vhostd.reload()).sites;
    const outcome = await load.stop();
    const reloadCount = (last?.generation ?? 0) - 2;
    t.diagnostic(
      `SEED=${seed}: 50 signals in ${Math.round(tookMs)} ms, ${reloadCount} reloads; ${String(outcome)}`,
    );
    // A reload takes a second at least, so that one more may fit in where the machine was slow to send them.
    assert.ok(reloadCount >= 1 && reloadCount <= 1 + Math.ceil(tookMs / 1000), `${reloadCount} reloads`);
    outcome.assertNothingClosed(4);
  });

  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    void it(`${name} lets requests finish, and ends with exit code 0`, async (t) => {
      const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
      const request = await begin(vhostd);
      const pids = await vhostd.pids();
      vhostd.signal(name);
      await draining(vhostd);
      assert.equal((await request.finish()).closes, true);
      const { code, signal } = await vhostd.ended;
      assert.deepEqual([code, signal], [0, null]);
      await vhostd.gone(pids);
    });
  }

  void it('SIGHUP during a stop does nothing', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
    const request = await begin(vhostd);
    const pids = await vhostd.pids();
    vhostd.configure([SITE, { ...SITE, siteId: 'b', hosts: ['b.test'] }]);
    vhostd.signal('SIGTERM');
    await draining(vhostd);
    vhostd.signal('SIGHUP');
    const [refused] = await vhostd.logs('order.failed');
    assert.equal(refused?.['code'], 'ERR_MASTER_NOT_RUNNING');
    assert.equal((await request.finish()).siteId, 'a');
    assert.equal((await vhostd.ended).code, 0);
    await vhostd.gone(pids);
    assert.equal(vhostd.logged('worker.spawned').length, 1);
    assert.deepEqual(vhostd.logged('order.done'), []);
  });
});

/** A request that is in work. */
async function begin(vhostd: FullVhostd): Promise<HeldRequest> {
  const request = await HeldRequest.begin(await vhostd.port(), 'a.test');
  await vhostd.until('the request is in work', ({ counts }) => counts?.handedOff === 1);
  return request;
}

async function draining(vhostd: FullVhostd): Promise<void> {
  await vhostd.until('the worker drains', ({ sites }) => sites[0]?.workers[0]?.state === 'draining');
}

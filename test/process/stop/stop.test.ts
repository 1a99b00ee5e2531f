// `vhostd stop`: requests in work finish, nothing new is taken, all is gone within the limit, with exit code 0; asked
// again, or with --now, it is over at once.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DaemonRig } from '../../kit/daemon-rig.js';
import type { DaemonSite } from '../../kit/daemon-rig.js';
import { slowPost, checkAnswer } from '../../kit/exchange.js';
import { openEcho } from '../../kit/long-lived-clients.js';
import { isAlive } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import { siteFile } from '../../kit/rig.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { StoppedClient } from './stopped-client.js';

const HOST = 'a.test';
const DRAIN_MS = 3000;
/** What a machine under load may take on top of a limit. */
const SLACK_MS = 10_000;

function site(fields: Record<string, unknown> = {}): DaemonSite {
  const workerFile = siteFile('exchange');
  return { siteId: 'a', hosts: [HOST], workerFile, cpuLen: 2, drainTimeout: DRAIN_MS, ...fields };
}

void describe('vhostd stop', { concurrency: 2 }, () => {
  void it('under load finishes what was taken, takes nothing new, and ends with exit code 0', async (t) => {
    const seed = Random.seed();
    const rig = await DaemonRig.start(t, [site({ drainTimeout: '20s' })]);
    const port = await rig.port();
    const pids = await rig.pids();
    const clients = Array.from(
      { length: 16 },
      (_, index) => new StoppedClient(port, HOST, new Random(seed + index)),
    );
    await until('all have been answered', () => {
      const value = clients.map(({ okCount }) => okCount);
      return { done: value.every((count) => count >= 3), value };
    });
    // Each is in the middle of a request or a moment before one.
    const stopped = rig.run('stop');
    const ends = await Promise.all(clients.map(({ ended }) => ended));
    const { code, stdout, stderr } = await stopped;
    assert.deepEqual([code, stdout, stderr], [0, 'vhostd stopped\n', '']);
    assert.deepEqual(await rig.ended.then((end) => [end.code, end.signal]), [0, null]);
    await rig.gone(pids);
    const okCount = clients.reduce((sum, client) => sum + client.okCount, 0);
    t.diagnostic(`SEED=${seed}: ${okCount} answers; ends: ${ends.toSorted().join(', ')}`);
    assert.deepEqual(
      ends.filter((end) => end !== 'announced'),
      [],
    );
    assert.equal(existsSync(join(rig.dir, 'run/control.sock')), false);
  });

  void it('cuts what is still open at the drain limit, and not before', async (t) => {
    const rig = await DaemonRig.start(t, [site({ cpuLen: 1 })]);
    const echo = await openEcho(await rig.port(), HOST, 50);
    const pids = await rig.pids();
    const askedMs = performance.now();
    const stopped = rig.run('stop');
    const end = await echo.ended;
    assert.equal(end.how, 'cut');
    const cutMs = 'atMs' in end ? end.atMs - askedMs : 0;
    assert.ok(cutMs >= DRAIN_MS - 20, `cut after ${cutMs} ms`);
    assert.equal((await stopped).code, 0);
    const { code, atMs } = await rig.ended;
    t.diagnostic(`cut after ${Math.round(cutMs)} ms, ended after ${Math.round(atMs - askedMs)} ms`);
    assert.equal(code, 0);
    assert.ok(atMs - askedMs < DRAIN_MS + 1000 + SLACK_MS);
    await rig.gone(pids);
  });

  void it('ends keep-alive connections that are idle without waiting for the limit', async (t) => {
    const rig = await DaemonRig.start(t, [site({ drainTimeout: '60s' })]);
    const port = await rig.port();
    const random = new Random(1);
    const clients = await Promise.all(Array.from({ length: 20 }, () => WireClient.open(port)));
    for (const client of clients) {
      const request = slowPost(random, HOST, { bodyBytes: 10, slowMs: 0, closes: false });
      client.send(request.bytes);
      await checkAnswer(client, request);
    }
    const startedMs = performance.now();
    const [told, ...rests] = await Promise.all([rig.run('stop'), ...clients.map((client) => client.rest())]);
    assert.equal(told.code, 0);
    assert.ok(rests.every((rest) => rest.length === 0));
    assert.ok(performance.now() - startedMs < 40_000, 'it waited for idle connections');
  });

  for (const { how, again } of [
    { how: 'a second SIGTERM', again: (rig: DaemonRig) => rig.signal('SIGTERM') },
    { how: 'SIGINT behind SIGTERM', again: (rig: DaemonRig) => rig.signal('SIGINT') },
    { how: 'stop --now', again: (rig: DaemonRig) => void rig.run('stop', '--now') },
  ]) {
    void it(`${how} cuts what is in work, and leaves nothing`, async (t) => {
      const rig = await DaemonRig.start(t, [site({ drainTimeout: '60s' })]);
      const port = await rig.port();
      const busy = await WireClient.open(port);
      busy.send(`GET /slow?slow=50000 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      const echo = await openEcho(port, HOST, 50);
      await rig.until('both are in work', ({ counts }) => counts?.handedOff === 2);
      const pids = await rig.pids();
      rig.signal('SIGTERM');
      await rig.logs('stop.signal');
      await delay(300);
      assert.equal(isAlive(rig.pid), true);
      const againMs = performance.now();
      again(rig);
      assert.equal((await echo.ended).how, 'cut');
      await assert.rejects(busy.answer());
      const { code, atMs } = await rig.ended;
      t.diagnostic(`gone ${Math.round(atMs - againMs)} ms after it was asked again`);
      assert.equal(code, 0);
      assert.ok(atMs - againMs < SLACK_MS);
      await rig.gone(pids);
    });
  }

  void it('during the first boot does not wait for the boot limit', async (t) => {
    const hangs = `require('node:http'); setInterval(() => undefined, 1000);`;
    const rig = DaemonRig.launch(t, [site({ workerFile: 'hangs.cjs', bootTimeout: '60s' })], (dir) => {
      writeFileSync(join(dir, 'hangs.cjs'), hangs);
    });
    await rig.logs('worker.spawned');
    const pids = await rig.pids();
    const startedMs = performance.now();
    assert.equal((await rig.run('stop')).code, 0);
    assert.equal((await rig.ended).code, 0);
    assert.ok(performance.now() - startedMs < 40_000, 'it waited for the boot');
    await rig.gone(pids);
    assert.equal(rig.logged('worker.spawned').length, 1);
  });

  void it('right behind the start, before anything listens, ends it too', async (t) => {
    const rig = DaemonRig.launch(t, [site()]);
    await rig.logs('started');
    assert.equal((await rig.run('stop')).code, 0);
    assert.equal((await rig.ended).code, 0);
  });

  void it('during a reload ends old and new workers, and no reload that was waiting begins', async (t) => {
    const rig = await DaemonRig.start(t, [site({ cpuLen: 1, settleTime: '60s' })]);
    const reloads = Array.from({ length: 3 }, () =>
      rig.client.reload('a').then(
        ({ sites }) => sites[0]?.error?.code ?? 'reloaded',
        (error: unknown) => String(Reflect.get(Object(error), 'code')),
      ),
    );
    await rig.until('a new worker is there', ({ sites }) => sites[0]?.workers.length === 2);
    const pids = await rig.pids();
    assert.equal((await rig.run('stop')).code, 0);
    assert.equal((await rig.ended).code, 0);
    const outcomes = await Promise.all(reloads);
    t.diagnostic(`the reloads ended with ${outcomes.join(', ')}`);
    assert.ok(!outcomes.includes('reloaded'), outcomes.join(', '));
    await rig.gone(pids);
    assert.equal(rig.logged('worker.spawned').length, 2);
  });

  void it('right behind a request to reload ends it too', async (t) => {
    const rig = await DaemonRig.start(t, [site({ cpuLen: 1 })]);
    const pids = await rig.pids();
    rig.signal('SIGHUP');
    rig.signal('SIGTERM');
    assert.deepEqual(await rig.ended.then((end) => [end.code, end.signal]), [0, null]);
    await rig.gone(pids);
  });
});

// `vhostd stop`: requests in work finish, nothing new is taken, all is gone within the limit, with exit code 0; asked
// again, or with --now, it is over at once.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { slowPost, checkAnswer } from '../../kit/exchange.js';
import { openEcho } from '../../kit/long-lived-clients.js';
import { Load } from '../../kit/load.js';
import { isAlive } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import { WireClient } from '../../kit/wire-client.js';

const HOST = 'a.test';
const CLIENT_COUNT = 16;
const DRAIN_MS = 1500;
/** What only waiting for a limit of a minute exceeds, not a machine under load. */
const HANG_MS = 40_000;

function site(fields: Record<string, unknown> = {}): SiteOptions {
  return { siteId: 'a', drainTimeout: DRAIN_MS, ...fields };
}

/** What comes of a new connection once the server has announced the end of another one. */
async function whatNewOneGets(port: number): Promise<string> {
  try {
    const client = await WireClient.open(port);
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    const { status } = await client.answer();
    client.close();
    return `status ${status}`;
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'timeout' ? 'it hung' : 'nothing';
  }
}

void describe('vhostd stop', { concurrency: 3 }, () => {
  void it('under load finishes what was taken, takes nothing new, and ends with exit code 0', async (t) => {
    const seed = Random.seed();
    const vhostd = await startVhostd(t, { daemon: true, sites: [site({ cpuLen: 2, drainTimeout: '20s' })] });
    const port = await vhostd.port();
    const pids = await vhostd.pids();
    const refusals: Promise<string>[] = [];
    const load = new Load({
      port,
      host: HOST,
      connections: 'kept',
      clientCount: CLIENT_COUNT,
      once: true,
      seed,
      request: (random, host) => slowPost(random, host, { bodyBytes: 16_384, slowMs: 200, closes: false }),
      onAttempt: ({ told }) => void (told.closes === true && refusals.push(whatNewOneGets(port))),
    });
    await load.progress(3 * CLIENT_COUNT);
    // Each is in the middle of a request or a moment before one.
    const stopped = vhostd.run('stop');
    const outcome = await load.ended();
    const { code, stdout, stderr } = await stopped;
    assert.deepEqual([code, stdout, stderr], [0, 'vhostd stopped\n', '']);
    assert.deepEqual(await vhostd.ended.then((end) => [end.code, end.signal]), [0, null]);
    await vhostd.gone(pids);
    t.diagnostic(`SEED=${seed}: ${String(outcome)}`);
    outcome.assertNothingLost();
    assert.deepEqual([outcome.counts.connections, outcome.counts.announced], [CLIENT_COUNT, CLIENT_COUNT]);
    assert.deepEqual([...new Set(await Promise.all(refusals))], ['nothing']);
    assert.equal(existsSync(join(vhostd.dir, 'run/control.sock')), false);
  });

  void it('cuts what is still open at the drain limit, and not before', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site()] });
    const echo = await openEcho(await vhostd.port(), HOST, 50);
    const pids = await vhostd.pids();
    const askedMs = performance.now();
    const stopped = vhostd.run('stop');
    const end = await echo.ended;
    assert.equal(end.how, 'cut');
    const cutMs = 'atMs' in end ? end.atMs - askedMs : 0;
    assert.ok(cutMs >= DRAIN_MS - 20, `cut after ${cutMs} ms`);
    assert.equal((await stopped).code, 0);
    const { code, atMs } = await vhostd.ended;
    t.diagnostic(`cut after ${Math.round(cutMs)} ms, ended after ${Math.round(atMs - askedMs)} ms`);
    assert.equal(code, 0);
    assert.ok(atMs - askedMs < DRAIN_MS + HANG_MS, 'it did not end behind the limit');
    await vhostd.gone(pids);
  });

  void it('ends keep-alive connections that are idle without waiting for the limit', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site({ drainTimeout: '60s' })] });
    const port = await vhostd.port();
    const random = new Random(1);
    const clients = await Promise.all(Array.from({ length: 20 }, () => WireClient.open(port)));
    for (const client of clients) {
      const request = slowPost(random, HOST, { bodyBytes: 10, slowMs: 0, closes: false });
      client.send(request.bytes);
      await checkAnswer(client, request);
    }
    const startedMs = performance.now();
    const [told, ...rests] = await Promise.all([
      vhostd.run('stop'),
      ...clients.map((client) => client.rest()),
    ]);
    assert.equal(told.code, 0);
    assert.ok(rests.every((rest) => rest.length === 0));
    assert.ok(performance.now() - startedMs < HANG_MS, 'it waited for idle connections');
  });

  for (const { how, again } of [
    { how: 'a second SIGTERM', again: (vhostd: FullVhostd) => vhostd.signal('SIGTERM') },
    { how: 'SIGINT behind SIGTERM', again: (vhostd: FullVhostd) => vhostd.signal('SIGINT') },
    { how: 'stop --now', again: (vhostd: FullVhostd) => void vhostd.run('stop', '--now') },
  ]) {
    void it(`${how} cuts what is in work, and leaves nothing`, async (t) => {
      const vhostd = await startVhostd(t, { daemon: true, sites: [site({ drainTimeout: '60s' })] });
      const port = await vhostd.port();
      const busy = await WireClient.open(port);
      busy.send(`GET /slow?slow=50000 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      const echo = await openEcho(port, HOST, 50);
      await vhostd.until('both are in work', ({ counts }) => counts?.handedOff === 2);
      const pids = await vhostd.pids();
      vhostd.signal('SIGTERM');
      await vhostd.logs('stop.signal');
      await delay(300);
      assert.equal(isAlive(vhostd.pid), true);
      const againMs = performance.now();
      again(vhostd);
      assert.equal((await echo.ended).how, 'cut');
      await assert.rejects(busy.answer());
      const { code, atMs } = await vhostd.ended;
      t.diagnostic(`gone ${Math.round(atMs - againMs)} ms after it was asked again`);
      assert.equal(code, 0);
      assert.ok(atMs - againMs < HANG_MS, 'it waited for what was in work');
      await vhostd.gone(pids);
    });
  }

  void it('during the first boot does not wait for the boot limit', async (t) => {
    const hangs = `require('node:http'); setInterval(() => undefined, 1000);`;
    const vhostd = await startVhostd(t, {
      daemon: true,
      wait: false,
      sites: [site({ workerFile: 'hangs.cjs', bootTimeout: '60s' })],
      prepare: (dir) => {
        writeFileSync(join(dir, 'hangs.cjs'), hangs);
      },
    });
    await vhostd.logs('worker.spawned');
    const pids = await vhostd.pids();
    const startedMs = performance.now();
    assert.equal((await vhostd.run('stop')).code, 0);
    assert.equal((await vhostd.ended).code, 0);
    assert.ok(performance.now() - startedMs < HANG_MS, 'it waited for the boot');
    await vhostd.gone(pids);
    assert.equal(vhostd.logged('worker.spawned').length, 1);
  });

  void it('right behind the start, before anything listens, ends it too', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, wait: false, sites: [site()] });
    await vhostd.logs('started');
    assert.equal((await vhostd.run('stop')).code, 0);
    assert.equal((await vhostd.ended).code, 0);
  });

  void it('during a reload ends old and new workers, and no reload that was waiting begins', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site({ settleTime: '60s' })] });
    const reloads = Array.from({ length: 3 }, () =>
      vhostd.client.reload('a').then(
        ({ sites }) => sites[0]?.error?.code ?? 'reloaded',
        (error: unknown) => String(Reflect.get(Object(error), 'code')),
      ),
    );
    await vhostd.until('a new worker is there', ({ sites }) => sites[0]?.workers.length === 2);
    const pids = await vhostd.pids();
    assert.equal((await vhostd.run('stop')).code, 0);
    assert.equal((await vhostd.ended).code, 0);
    const outcomes = await Promise.all(reloads);
    t.diagnostic(`the reloads ended with ${outcomes.join(', ')}`);
    assert.ok(!outcomes.includes('reloaded'), outcomes.join(', '));
    await vhostd.gone(pids);
    assert.equal(vhostd.logged('worker.spawned').length, 2);
  });

  void it('right behind a request to reload ends it too', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site()] });
    const pids = await vhostd.pids();
    vhostd.signal('SIGHUP');
    vhostd.signal('SIGTERM');
    assert.deepEqual(await vhostd.ended.then((end) => [end.code, end.signal]), [0, null]);
    await vhostd.gone(pids);
  });
});

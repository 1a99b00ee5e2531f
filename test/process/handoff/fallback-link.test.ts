// Batches, and the link that is taken where Node's pipe cannot be had, carry the same as the pipe. What it promises in detail its own tests
// hold; VHOSTD_TEST_HANDOFF=ipc runs all process tests over it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { Load, MIXED } from '../../kit/load.js';
import { Random } from '../../kit/random.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { printed, storm } from './storm.js';

const HOST = 'a.test';
/** Never given up, restarted at once. */
const RESTART = { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' };

for (const handoff of ['ipc', 'native']) {
  test(`over ${handoff} nothing is lost: bytes, connections that move, those of a dead worker, calls`, (t) =>
    losesNothing(t, handoff));
}

async function losesNothing(t: TestContext, handoff: string): Promise<void> {
  const vhostd = await startVhostd(t, {
    conf: { handoff },
    sites: [{ siteId: 'a', cpuLen: 2, balance: 'round-robin', drainTimeout: '30s', restart: RESTART }],
  });
  await vhostd.ready('a', 2);
  assert.equal((await vhostd.status()).handoff.type, handoff);
  const port = await vhostd.port();
  const seed = Random.seed();

  const plan = {
    cut: 100,
    post: 60,
    pipeline: 60,
    'half-close': 30,
    reset: 30,
    chunked: 30,
    expect: 20,
    upgrade: 30,
  };
  const result = await storm({ port, hosts: [HOST], limitMs: 30_000 }, plan, seed);
  t.diagnostic(`seed ${seed}: ${printed(result)}`);
  assert.deepEqual(result.failures, []);

  const kept = new Load({ port, host: HOST, connections: 'kept', clientCount: 8, seed, ...MIXED });
  const fresh = new Load({ port, host: HOST, connections: 'fresh', seed, pauseMaxMs: 20 });
  await kept.progress(50);
  await vhostd.reloaded('a');
  await vhostd.drained();
  await vhostd.pause('a', { timeout: '10m' });
  await vhostd.until('a connection is held', ({ sites: [a] }) => (a?.parked ?? 0) > 0);
  await vhostd.resume('a');
  await Promise.all([kept.progress(50), fresh.progress(20)]);
  await Promise.all([kept.stop(), fresh.stop()]);
  kept.outcome.assertNothingClosed(8);
  fresh.outcome.assertNothingLost();
  assert.ok((await vhostd.status()).counts.handedBack >= 8);

  await vhostd.ready('a', 2);
  const [victim, other] = await vhostd.workers('a');
  process.kill(victim?.pid ?? 0, 'SIGSTOP');
  const clients: WireClient[] = [];
  const requests = Array.from({ length: 12 }, () => simpleExchange(HOST));
  for (const { bytes } of requests) {
    const client = await WireClient.open(port);
    client.send(bytes);
    clients.push(client);
  }
  await vhostd.until(
    'the stopped worker has one: those behind it may go to the other',
    ({ sites: [a] }) =>
      a?.workers.some(({ pid, connections }) => pid === victim?.pid && connections >= 1) === true,
  );
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  for (const [index, request] of requests.entries()) {
    const client = clients[index];
    if (client === undefined) continue;
    assert.notEqual((await checkAnswer(client, request)).pid, victim?.pid);
    client.close();
  }

  // The master calls the worker, which calls back.
  await vhostd.ask('callWorker', { to: other?.workerId, name: 'scale', params: 1 });
  await vhostd.ready('a', 1);
  assert.equal((await get(port, HOST)).status, 200);
  const { counts } = await vhostd.status();
  t.diagnostic(`counts ${JSON.stringify(counts)}`);
  assert.ok(counts.redispatched >= 1);
  assert.equal(counts.violations, 0);
  // A head that a reset cuts is refused, though its client sees nothing of that.
  const { 400: cut = 0, ...refused } = counts.refused;
  assert.deepEqual(refused, {});
  assert.ok(cut <= plan.reset, `${cut}`);
}

test('over the fallback link a site that is kept apart is refused, until the conf trusts it', async (t) => {
  const fenced = { siteId: 'a', allow: { hosts: ['a.test'] }, trusted: false };
  const vhostd = await startVhostd(t, {
    conf: { handoff: 'ipc' },
    sites: [fenced, { siteId: 'b' }],
    wait: false,
  });
  const { sites } = await vhostd.until('the site is refused', ({ sites: [a, b] }) => {
    return a?.state === 'errored' && b?.state === 'running';
  });
  assert.match(sites[0]?.reason ?? '', /^site a has an allow, so it is not trusted/);
  assert.deepEqual(sites[0]?.workers, []);
  assert.equal((await get(await vhostd.port(), 'b.test')).status, 200);
  vhostd.change('a', { trusted: true });
  await vhostd.reloaded();
  assert.equal((await get(await vhostd.port(), HOST)).status, 200);
});

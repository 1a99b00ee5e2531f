// Requests that are sent in the very moment in which their idle connections move to a worker of the next generation:
// each is answered, by the old worker or by the new one, and on the same connection.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { Outcome } from '../../kit/outcome.js';
import { Random } from '../../kit/random.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { HOST, startSite } from './site-under-reload.js';

const RELOAD_COUNT = process.env['VHOSTD_TEST_LONG'] === '1' ? 100 : 4;
const CLIENT_COUNT = 90;
/** How long a new worker must have been ready before it is published, ms. */
const SETTLE_MS = 300;
/** How far from the expected moment of the move the requests of a third of the clients lie, ms. */
const AROUND_MS = 60;

void it('requests that meet the move of their connection are answered', async (t) => {
  const seed = Random.seed();
  const random = new Random(seed);
  const vhostd = await startSite(t, { cpuLen: 1, settleTime: SETTLE_MS });
  const port = await vhostd.port();
  const clients = await Promise.all(Array.from({ length: CLIENT_COUNT }, () => WireClient.open(port)));
  const outcome = new Outcome();
  const ask = async (client: WireClient): Promise<number> => {
    const request = simpleExchange(HOST);
    client.send(request.bytes);
    try {
      const { generation } = await checkAnswer(client, request);
      outcome.counts.ok += 1;
      return generation;
    } catch (error) {
      outcome.failWith(error);
      return 0;
    }
  };
  await Promise.all(clients.map(ask));

  const met = { byOld: 0, byNew: 0 };
  for (let generation = 2; generation <= RELOAD_COUNT + 1; generation += 1) {
    const sighted = firstAnswerOf(port, generation);
    const ready = readyOf(vhostd, generation);
    const moving = clients.map(async (client, index) => {
      if (index % 3 === 0) await sighted;
      else if (index % 3 === 1) await busyUntil(sighted, random, () => ask(client));
      else {
        await ready;
        await delay(SETTLE_MS + random.integer(-AROUND_MS, AROUND_MS));
      }
      met[(await ask(client)) === generation ? 'byNew' : 'byOld'] += 1;
    });
    await vhostd.reloaded('a');
    await Promise.all(moving);
    await vhostd.drained();
    const generations = await Promise.all(clients.map(ask));
    assert.deepEqual([...new Set(generations)], [generation], outcome.failures.join('\n'));
  }
  const { counts } = await vhostd.status();
  clients.forEach((client) => client.close());
  t.diagnostic(
    `SEED=${seed}: ${counts.handedBack} moves, ${outcome.counts.ok} requests; of those around the move ` +
      `${met.byOld} were answered by the old worker, ${met.byNew} by the new one`,
  );
  outcome.assertNothingLost();
  // The one connection by which the new generation is looked for may be idle at that moment, too.
  const surplus = counts.handedBack - CLIENT_COUNT * RELOAD_COUNT;
  assert.ok(surplus >= 0 && surplus <= RELOAD_COUNT, `${counts.handedBack} moves`);
});

/** Resolves when the first worker of this generation is seen to be ready. */
async function readyOf(vhostd: LoneMaster, generation: number): Promise<void> {
  await vhostd.until('the new worker is ready', ({ sites }) =>
    sites.some(({ workers }) =>
      workers.some((worker) => worker.generation === generation && worker.state === 'ready'),
    ),
  );
}

/** Resolves when a fresh connection is answered by this generation for the first time. */
async function firstAnswerOf(port: number, generation: number): Promise<void> {
  for (let seen = 0; seen < generation;) {
    const client = await WireClient.open(port);
    try {
      const request = simpleExchange(HOST);
      client.send(request.bytes);
      seen = (await checkAnswer(client, request)).generation;
    } finally {
      client.close();
    }
    await delay(1);
  }
}

/** Asks again and again, with random pauses, until the promise resolves. */
async function busyUntil(end: Promise<void>, random: Random, ask: () => Promise<unknown>): Promise<void> {
  let over = false;
  void end.then(() => (over = true));
  for (;;) {
    await delay(random.integer(0, 100));
    if (over) return;
    await ask();
  }
}

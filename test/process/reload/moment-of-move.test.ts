// Requests that are sent in the very moment in which their idle connections move to a worker of the next generation:
// each is answered, by the old worker or by the new one, and on the same connection.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { Random } from '../../kit/random.js';
import type { Rig } from '../../kit/rig.js';
import { Tally, NOTHING_LOST } from '../../kit/tally.js';
import { WireClient } from '../../kit/wire-client.js';
import { drained, HOST, reload, startSite } from './site-under-reload.js';

const RELOAD_COUNT = process.env['VHOSTD_TEST_LONG'] === '1' ? 100 : 4;
const CLIENT_COUNT = 90;
/** How long a new worker must have been ready before it is published, ms. */
const SETTLE_MS = 1000;
/** How far from the expected moment of the move the requests of a third of the clients lie, ms. */
const AROUND_MS = 60;

void it('requests that meet the move of their connection are answered', async (t) => {
  const seed = Random.seed();
  const random = new Random(seed);
  const rig = await startSite(t, { cpuLen: 1 });
  const port = await rig.port();
  const clients = await Promise.all(Array.from({ length: CLIENT_COUNT }, () => WireClient.open(port)));
  const tally = new Tally();
  const ask = async (client: WireClient): Promise<number> => {
    const request = simpleExchange(HOST);
    client.send(request.bytes);
    try {
      const { generation } = await checkAnswer(client, request);
      tally.counts.ok += 1;
      return generation;
    } catch (error) {
      tally.failWith(error);
      return 0;
    }
  };
  await Promise.all(clients.map(ask));

  const met = { byOld: 0, byNew: 0 };
  for (let generation = 2; generation <= RELOAD_COUNT + 1; generation += 1) {
    const sighted = firstAnswerOf(port, generation);
    const ready = readyOf(rig, generation);
    const moving = clients.map(async (client, index) => {
      if (index % 3 === 0) await sighted;
      else if (index % 3 === 1) await busyUntil(sighted, random, () => ask(client));
      else {
        await ready;
        await delay(SETTLE_MS + random.integer(-AROUND_MS, AROUND_MS));
      }
      met[(await ask(client)) === generation ? 'byNew' : 'byOld'] += 1;
    });
    await reload(rig);
    await Promise.all(moving);
    await drained(rig);
    const generations = await Promise.all(clients.map(ask));
    assert.deepEqual([...new Set(generations)], [generation], tally.failures.join('\n'));
  }
  const { counts } = await rig.status();
  clients.forEach((client) => client.close());
  t.diagnostic(
    `SEED=${seed}: ${counts.handedBack} moves, ${tally.counts.ok} requests; of those around the move ` +
      `${met.byOld} were answered by the old worker, ${met.byNew} by the new one`,
  );
  assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
  // The one connection by which the new generation is looked for may be idle at that moment, too.
  const surplus = counts.handedBack - CLIENT_COUNT * RELOAD_COUNT;
  assert.ok(surplus >= 0 && surplus <= RELOAD_COUNT, `${counts.handedBack} moves`);
});

/** Resolves when the first worker of this generation is seen to be ready. */
async function readyOf(rig: Rig, generation: number): Promise<void> {
  await rig.until('the new worker is ready', ({ sites }) =>
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

// Kept-alive cleartext connections through reloads: nothing is lost, and none is closed.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import type { Answerer } from '../../kit/exchange.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { descriptorCount } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { WireClient } from '../../kit/wire-client.js';
import { drained, HOST, reload, startSite } from './site-under-reload.js';

async function ask(client: WireClient): Promise<Answerer> {
  const request = simpleExchange(HOST);
  client.send(request.bytes);
  return await checkAnswer(client, request);
}

/** Connections that have had an answer each. */
async function openIdle(port: number, count: number): Promise<WireClient[]> {
  const clients: WireClient[] = [];
  for (let index = 0; index < count; index += 1) {
    const client = await WireClient.open(port);
    await ask(client);
    clients.push(client);
  }
  return clients;
}

for (const handoff of ['pipe', 'ipc']) {
  void it(`200 idle connections are there for their next request, whenever it comes, by ${handoff}`, async (t) => {
    const seed = Random.seed();
    t.diagnostic(`SEED=${seed}`);
    const random = new Random(seed);
    const rig = await startSite(t, {}, { handoff });
    const clients = await openIdle(await rig.port(), 200);
    // Some of them in the very moment of the move.
    const asking = clients.map(async (client) => {
      await delay(random.integer(0, 3000));
      return await ask(client);
    });
    await reload(rig);
    await Promise.all(asking);
    await drained(rig);
    for (const client of clients) assert.equal((await ask(client)).generation, 2);
    clients.forEach((client) => client.close());
  });
}

void describe('a reload', () => {
  void it('moves a connection behind the response that was in work, not before', async (t) => {
    const rig = await startSite(t);
    const client = await WireClient.open(await rig.port());
    client.send(`GET /slow?slow=4000&answer=5 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await rig.until('the request is in work', ({ counts }) => counts.handedOff === 1);
    await reload(rig);
    const answer = await client.answer();
    assert.deepEqual([answer.headers['x-generation'], answer.headers['connection']], ['1', 'keep-alive']);
    await drained(rig);
    assert.equal((await ask(client)).generation, 2);
    client.close();
  });

  void it('moves a connection behind the upload that was under way', async (t) => {
    const rig = await startSite(t);
    const client = await WireClient.open(await rig.port());
    client.send(`POST /up HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 6\r\n\r\nabc`);
    await rig.until('the request is in work', ({ counts }) => counts.handedOff === 1);
    await reload(rig);
    client.send('def');
    assert.equal((await client.answer()).headers['x-generation'], '1');
    await drained(rig);
    assert.equal((await ask(client)).generation, 2);
    client.close();
  });

  void it('moves idle connections of a site that closes its server as soon as it drains', async (t) => {
    const rig = await startSite(t, { workerOptions: { env: { CLOSE_ON_DRAIN: '1' } } });
    const clients = await openIdle(await rig.port(), 20);
    await reload(rig);
    await drained(rig);
    for (const client of clients) assert.equal((await ask(client)).generation, 2);
    clients.forEach((client) => client.close());
  });

  void it('leaves no descriptor behind in the master', async (t) => {
    const rig = await startSite(t);
    const clients = await openIdle(await rig.port(), 50);
    const before = descriptorCount(rig.pid);
    await reload(rig);
    await drained(rig);
    for (const client of clients) await ask(client);
    await rig.until('no connection is left in the master', () => descriptorCount(rig.pid) <= before);
    clients.forEach((client) => client.close());
  });
});

void describe('scaling down', () => {
  void it('from four workers to one loses nothing and closes no connection', async (t) => {
    const seed = Random.seed();
    const rig = await startSite(t, { cpuLen: 4 });
    await rig.until(
      'four workers',
      ({ sites }) => sites[0]?.workers.filter(({ state }) => state === 'ready').length === 4,
    );
    const load = new KeepAliveLoad({ port: await rig.port(), host: HOST, clientCount: 16, seed });
    await load.progress(500);
    assert.equal(load.tally.pids.size, 4);
    const [first] = await rig.workers('a');
    await rig.ask('scale', { workerId: first?.workerId, count: 1 });
    await rig.until('one worker', ({ sites }) => sites[0]?.workers.length === 1);
    await load.progress(500);
    const tally = await load.stop();
    t.diagnostic(`SEED=${seed}: ${tally.counts.ok} requests`);
    assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
    assert.deepEqual([tally.connectCount, tally.announcedCount], [16, 0]);
  });
});

// Kept-alive cleartext connections through reloads: nothing is lost, and none is closed.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import type { Answerer } from '../../kit/exchange.js';
import { Load, MIXED } from '../../kit/load.js';
import { descriptorCount } from '../../kit/processes.js';
import { Random } from '../../kit/random.js';
import { WireClient } from '../../kit/wire-client.js';
import { HOST, startSite } from './site-under-reload.js';

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

void it('200 idle connections are there for their next request, whenever it comes', async (t) => {
  const seed = Random.seed();
  t.diagnostic(`SEED=${seed}`);
  const random = new Random(seed);
  const vhostd = await startSite(t);
  const clients = await openIdle(await vhostd.port(), 200);
  // Some of them in the very moment of the move.
  const asking = clients.map(async (client) => {
    await delay(random.integer(0, 1500));
    return await ask(client);
  });
  await vhostd.reloaded('a');
  await Promise.all(asking);
  await vhostd.drained();
  for (const client of clients) assert.equal((await ask(client)).generation, 2);
  clients.forEach((client) => client.close());
});

void describe('a reload', { concurrency: 2 }, () => {
  void it('moves a connection behind the response that was in work, not before', async (t) => {
    const vhostd = await startSite(t);
    const client = await WireClient.open(await vhostd.port());
    client.send(`GET /slow?until=finished&answer=5 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await vhostd.until('the request is in work', ({ counts }) => counts.handedOff === 1);
    await vhostd.reloaded('a');
    vhostd.touch('finished');
    const answer = await client.answer();
    assert.deepEqual([answer.headers['x-generation'], answer.headers['connection']], ['1', 'keep-alive']);
    await vhostd.drained();
    assert.equal((await ask(client)).generation, 2);
    client.close();
  });

  void it('moves a connection behind the upload that was under way', async (t) => {
    const vhostd = await startSite(t);
    const client = await WireClient.open(await vhostd.port());
    client.send(`POST /up HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 6\r\n\r\nabc`);
    await vhostd.until('the request is in work', ({ counts }) => counts.handedOff === 1);
    await vhostd.reloaded('a');
    client.send('def');
    assert.equal((await client.answer()).headers['x-generation'], '1');
    await vhostd.drained();
    assert.equal((await ask(client)).generation, 2);
    client.close();
  });

  void it('moves idle connections of a site that closes its server as soon as it drains', async (t) => {
    const vhostd = await startSite(t, { workerOptions: { env: { CLOSE_ON_DRAIN: '1' } } });
    const clients = await openIdle(await vhostd.port(), 20);
    await vhostd.reloaded('a');
    await vhostd.drained();
    for (const client of clients) assert.equal((await ask(client)).generation, 2);
    clients.forEach((client) => client.close());
  });

  void it('leaves no descriptor behind in the master', async (t) => {
    const vhostd = await startSite(t);
    const clients = await openIdle(await vhostd.port(), 50);
    const before = descriptorCount(vhostd.pid);
    await vhostd.reloaded('a');
    await vhostd.drained();
    for (const client of clients) await ask(client);
    await vhostd.until('no connection is left in the master', () => descriptorCount(vhostd.pid) <= before);
    clients.forEach((client) => client.close());
  });
});

void describe('scaling down', () => {
  void it('from four workers to one loses nothing and closes no connection', async (t) => {
    const seed = Random.seed();
    const vhostd = await startSite(t, { cpuLen: 4 });
    await vhostd.ready('a', 4);
    const clients = { connections: 'kept', clientCount: 16, seed, ...MIXED } as const;
    const load = new Load({ port: await vhostd.port(), host: HOST, ...clients });
    await load.progress(300);
    // Which of them gets to run first, and so has how many, is the kernel's.
    assert.ok(load.outcome.pids.size > 1);
    const [first] = await vhostd.workers('a');
    await vhostd.ask('scale', { workerId: first?.workerId, count: 1 });
    await vhostd.ready('a', 1);
    await load.progress(300);
    const outcome = await load.stop();
    t.diagnostic(`SEED=${seed}: ${String(outcome)}`);
    outcome.assertNothingClosed(16);
  });
});

// A worker whose master is gone: nobody takes its connections, so each ends with its next response.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { HeldRequest } from '../../kit/held-request.js';
import { isAlive } from '../../kit/processes.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { HOST, startSite } from './site-under-reload.js';

void it('finishes its requests, announces the end of its connections, and leaves', async (t) => {
  const vhostd = await startSite(t, { cpuLen: 1 });
  const [worker] = await vhostd.workers('a');
  const port = await vhostd.port();
  const idle = await WireClient.open(port);
  const first = simpleExchange(HOST);
  idle.send(first.bytes);
  await checkAnswer(idle, first);
  const busy = await HeldRequest.begin(port, HOST);
  await vhostd.until('the request is in work', ({ counts }) => counts.handedOff === 2);
  process.kill(vhostd.pid, 'SIGKILL');
  // The end of an idle connection says that the worker knows.
  assert.equal((await idle.rest()).length, 0);
  assert.equal((await busy.finish()).closes, true);
  const pid = worker?.pid ?? 0;
  await until('the worker has gone', () => ({ done: !isAlive(pid), value: pid }));
});

void it('keeps what it has handed back and the master has not taken', async (t) => {
  const vhostd = await startSite(t, { cpuLen: 1 });
  const clients = await openAnswered(await vhostd.port(), 200);
  await vhostd.ask('reloadAndFreeze');
  // Time for the worker to hand back as many as it may; with less time the test is only weaker.
  await delay(500);
  process.kill(vhostd.pid, 'SIGKILL');
  const outcomes = await Promise.all(clients.map(outcomeOf));
  assert.deepEqual(
    outcomes.filter((outcome) => outcome !== 'announced' && outcome !== 'open'),
    [],
  );
});

void it('loses no more than the master has in its hands when it dies in the middle of a reload', async (t) => {
  const vhostd = await startSite(t, { cpuLen: 1 });
  const clients = await openAnswered(await vhostd.port(), 200);
  const handedBack = vhostd.until('hand-backs', ({ counts }) => counts.handedBack > 0);
  const reloading = vhostd.reload('a').catch(() => undefined);
  await handedBack;
  process.kill(vhostd.pid, 'SIGKILL');
  await reloading;
  // Whoever has a connection, the old worker or the new one, answers on it.
  const outcomes = await Promise.all(clients.map(outcomeOf));
  const served = outcomes.filter((outcome) => outcome === 'announced' || outcome === 'open').length;
  t.diagnostic(`${served} of ${clients.length} served: ${[...new Set(outcomes)].join(', ')}`);
  assert.ok(served >= clients.length - IN_MASTER_MAX_COUNT);
});

/** Connections that have had an answer each. */
async function openAnswered(port: number, count: number): Promise<WireClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => WireClient.open(port)));
  const outcomes = await Promise.all(clients.map(outcomeOf));
  assert.deepEqual([...new Set(outcomes)], ['open']);
  return clients;
}

/** What became of a request: answered, with or without the announcement that the connection ends, or an error. */
async function outcomeOf(client: WireClient): Promise<string> {
  const request = simpleExchange(HOST);
  client.send(request.bytes);
  try {
    return (await checkAnswer(client, request)).closes ? 'announced' : 'open';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** Connections that a worker has on their way at once: with the master, no more than these can be lost. */
const IN_MASTER_MAX_COUNT = 64;

// Reloads and deaths of workers leave nothing behind in master and daemon: no descriptor, handle, timer, listener,
// process or memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { growthOf } from './growth.js';
import type { Resources } from './resources.js';
import { Watched } from './watched.js';

const RELOADS = process.env['VHOSTD_TEST_LONG'] === '1' ? 200 : 24;
/** Reloads until everything that is made once has been made. */
const WARM_UP = 15;
/** Deaths of workers that had been given connections. */
const DEATHS = 5;
const CLIENTS = 6;
/** What a leak is that must be found, and how many reloads show it. */
const LEAK_BYTES = 10_240;
const LEAK_RELOADS = 8;
/** What is leaked on purpose: more than the heap falls by itself between two looks. */
const CONTROL_BYTES = 102_400;

const PROCESSES = ['master', 'daemon'] as const;
type Counts = Omit<Resources, 'heapBytes'>;

test(`${RELOADS} reloads cost master and daemon nothing`, async (t) => {
  const watched = await Watched.start(t);
  const port = await watched.vhostd.port();
  // They last through every reload, but not through a death.
  let clients = await openAll(port, CLIENTS);
  const reload = async (): Promise<void> => {
    await watched.reload();
    for (const client of clients) {
      const request = simpleExchange('a.test');
      client.send(request.bytes);
      await checkAnswer(client, request);
    }
  };
  for (let count = 0; count < WARM_UP; count += 1) await reload();
  await die(watched, port);
  clients = await openAll(port, CLIENTS);
  await reload();
  const before = {
    master: await countsAtRest(watched, 'master'),
    daemon: await countsAtRest(watched, 'daemon'),
  };

  const heaps = { master: [] as number[], daemon: [] as number[] };
  for (let count = 0; count < RELOADS; count += 1) {
    await reload();
    for (const name of PROCESSES) heaps[name].push((await watched.resources(name)).heapBytes);
  }
  // Right behind the others, while nothing else has happened: what deaths leave in a heap goes only slowly.
  const leaking: number[] = [];
  for (let count = 0; count < LEAK_RELOADS; count += 1) {
    await watched.leak();
    await reload();
    leaking.push((await watched.resources('master')).heapBytes);
  }
  for (let count = 0; count < DEATHS; count += 1) await die(watched, port);
  for (const client of clients) client.close();
  clients = await openAll(port, CLIENTS);
  await reload();
  for (const name of PROCESSES) await isAsBefore(watched, name, before[name]);

  t.diagnostic(
    `${before.master.descriptors} and ${before.daemon.descriptors} descriptors before and after ` +
      `${RELOADS} reloads and ${DEATHS} deaths`,
  );
  for (const name of PROCESSES) {
    const thirds = [0, 1, 2].map((part) =>
      growthOf(heaps[name].slice((part * RELOADS) / 3, ((part + 1) * RELOADS) / 3)),
    );
    t.diagnostic(`${name} grows by ${thirds.map(Math.round).join(', ')} bytes a reload in each third`);
    // A leak is in all of them; what is compiled later on a busy machine is not.
    const steady = Math.min(...thirds);
    assert.ok(steady < LEAK_BYTES / 2, `${name}: ${heaps[name].join(' ')}`);
  }
  t.diagnostic(`a master that leaks ${CONTROL_BYTES} bytes a reload grows by ${growthOf(leaking)}`);
  assert.ok(growthOf(leaking) > CONTROL_BYTES / 2, leaking.join(' '));
  for (const client of clients) client.close();
  assert.doesNotMatch(watched.output, /MaxListenersExceededWarning/);
});

function openAll(port: number, count: number): Promise<WireClient[]> {
  return Promise.all(Array.from({ length: count }, () => WireClient.open(port)));
}

/** Kills a worker that is stopped and has been given connections; they are served by the next. */
async function die(watched: Watched, port: number): Promise<void> {
  const { sites, counts } = await watched.vhostd.status();
  const pid = sites[0]?.workers[0]?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  const clients = await openAll(port, 3);
  const requests = clients.map((client) => {
    const request = simpleExchange('a.test');
    client.send(request.bytes);
    return request;
  });
  await until('they are accepted', async () => {
    const accepted = (await watched.vhostd.status()).counts?.accepted ?? 0;
    return { done: accepted >= (counts?.accepted ?? 0) + clients.length, value: accepted };
  });
  process.kill(pid, 'SIGKILL');
  for (const [index, client] of clients.entries()) {
    const request = requests[index];
    if (request !== undefined) await checkAnswer(client, request);
    client.close();
  }
}

/** What a process holds when nothing is under way: twice the same. */
async function countsAtRest(watched: Watched, name: 'master' | 'daemon'): Promise<Counts> {
  let last: Counts | undefined;
  return await until(`the ${name} is at rest`, async () => {
    const value = await countsOf(watched, name);
    const done = last !== undefined && JSON.stringify(last) === JSON.stringify(value);
    last = value;
    return { done, value };
  });
}

async function isAsBefore(watched: Watched, name: 'master' | 'daemon', before: Counts): Promise<void> {
  await until(`the ${name} holds what it did: ${JSON.stringify(before)}`, async () => {
    const value = await countsOf(watched, name);
    return { done: JSON.stringify(value) === JSON.stringify(before), value };
  });
}

async function countsOf(watched: Watched, name: 'master' | 'daemon'): Promise<Counts> {
  const { heapBytes: _heapBytes, ...counts } = await watched.resources(name);
  return counts;
}

// A master that stands still for longer than its daemon allows is replaced; who connects meanwhile waits and is served.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Daemon } from '@vhostd/daemon';
import { get } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const LIMIT_MS = 1500;
const CLIENTS = 20;

interface Started {
  daemon: Daemon;
  port: number;
  master: number;
  worker: number;
}

async function start(t: TestContext, limitMs: number): Promise<Started> {
  const site = {
    siteId: 'a',
    workerFile: siteFile('stuck', import.meta.url),
    heartbeatInterval: '100ms',
    heartbeatLimit: '1s',
  };
  const { daemon } = await startVhostd(t, {
    sites: [site],
    daemon: {
      masterFile: fileURLToPath(new URL('./blocked-master.child.js', import.meta.url)),
      supervision: { heartbeat: { intervalMs: 250, limitMs } },
    },
  });
  const { master, sites, listeners } = await daemon.status();
  const port = listeners[0]?.port ?? 0;
  return { daemon, port, master: master?.pid ?? 0, worker: sites[0]?.workers[0]?.pid ?? 0 };
}

async function open(port: number, path: string): Promise<WireClient> {
  const client = await WireClient.open(port, { limitMs: 60_000 });
  client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`);
  return client;
}

/** A connection each; none is refused, or it would reject. */
async function openMany(port: number): Promise<WireClient[]> {
  return await Promise.all(Array.from({ length: CLIENTS }, () => open(port, '/')));
}

async function answeredBy(clients: WireClient[]): Promise<Set<number>> {
  const pids = new Set<number>();
  for (const client of clients) {
    const { status, body } = await client.answer();
    assert.equal(status, 200);
    pids.add(Number(body.toString()));
    client.close();
  }
  return pids;
}

for (const how of ['stopped', 'in a loop that never ends']) {
  test(`a master that is ${how} is replaced, and nobody is refused meanwhile`, async (t) => {
    const { daemon, port, master, worker } = await start(t, LIMIT_MS);
    // What a worker has is answered whatever becomes of the master.
    const inWork = await open(port, `/slow/${LIMIT_MS * 2}`);
    await until('the worker has it', async () => {
      const { counts } = await daemon.status();
      return { done: counts?.handedOff === 1, value: counts };
    });
    const exit = new Promise<string>((resolve) =>
      daemon.once('master::exit', ({ message }) => resolve(message)),
    );
    const startedMs = performance.now();
    if (how === 'stopped') process.kill(master, 'SIGSTOP');
    else daemon.callMaster('block', 600_000).catch(() => undefined);
    const clients = how === 'stopped' ? await openMany(port) : [];
    const silent = Number(/^no answer for (\d+) ms; was ended by SIGKILL$/.exec(await exit)?.[1]);
    const later = await openMany(port);
    const pids = await answeredBy([...clients, ...later]);
    const servedMs = performance.now() - startedMs;
    assert.deepEqual(await answeredBy([inWork]), new Set([worker]));
    await until('the old worker has gone', () => ({ done: !isAlive(worker), value: worker }));
    const status = await daemon.status();
    t.diagnostic(
      `silent for ${silent} of ${LIMIT_MS} ms; ${clients.length + later.length} connections meanwhile, ` +
        `0 refused, all answered after ${Math.round(servedMs)} ms; 1 of 1 in work finished`,
    );
    assert.ok(silent >= LIMIT_MS && silent <= LIMIT_MS + 250, `${silent}`);
    assert.deepEqual([...pids], [status.sites[0]?.workers[0]?.pid]);
    assert.notEqual(status.master?.pid, master);
    assert.equal(status.master?.restarts, 1);
    assert.ok(!isAlive(master));
  });
}

test('a master that stands still for less is left alone, and so are its workers', async (t) => {
  const { daemon, port, master, worker } = await start(t, 30_000);
  process.kill(master, 'SIGSTOP');
  const waiting = await openMany(port);
  setTimeout(() => process.kill(master, 'SIGCONT'), 2000);
  assert.deepEqual(await answeredBy(waiting), new Set([worker]));
  await daemon.callMaster('block', 2000);
  // Their own limit is shorter, but it was the master that stood still; a verdict would be in by then.
  const { body } = await get(port, 'a.test', '/slow/1500');
  assert.equal(Number(body.toString()), worker);
  const status = await daemon.status();
  assert.deepEqual(
    [status.master?.pid, status.master?.restarts, status.sites[0]?.workers[0]?.restarts],
    [master, 0, 0],
  );
});

// A process that reads nothing for seconds costs the process at the other end neither its memory nor its work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from '../../kit/ask-site.js';
import { Load } from '../../kit/load.js';
import { residentBytes } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

/** Long enough to be given all that the other process has; in the long form for as long as a machine may stall. */
const STOPPED_MS = process.env['VHOSTD_TEST_LONG'] === '1' ? 10_000 : 4000;
const CALLS = 40_000;
/** Unbounded, the calls of one test would take 480 MB, those of the other 800 MB, and a copy of each. */
const MEMORY_LIMIT_MB = 240;

function start(t: TestContext): Promise<LoneMaster> {
  return startVhostd(t, {
    commands: new URL('./hostile.commands.js', import.meta.url),
    sites: [{ siteId: 'a', workerFile: siteFile('hostile', import.meta.url) }, { siteId: 'b' }],
  });
}

test('a worker that is stopped has what it was given afterwards', async (t) => {
  const vhostd = await start(t);
  const port = await vhostd.port();
  const [worker] = await vhostd.workers('a');
  assert.ok(worker !== undefined);
  const base = residentBytes(vhostd.pid);
  process.kill(worker.pid, 'SIGSTOP');
  const good = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 10 });
  const clients: WireClient[] = [];
  for (let index = 0; index < 300; index += 1) {
    const client = await WireClient.open(port, { limitMs: 60_000 });
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    clients.push(client);
  }
  const calls = vhostd.ask('callOften', { to: worker.workerId, count: CALLS, bytes: 20_000 });
  await delay(STOPPED_MS);
  const grown = (residentBytes(vhostd.pid) - base) >> 20;
  process.kill(worker.pid, 'SIGCONT');
  const outcomes = (await calls) as Record<string, number>;
  for (const client of clients) {
    assert.equal((await client.answer()).body.toString(), `${worker.pid}`);
    client.close();
  }
  await good.stop();
  t.diagnostic(
    `master grew by ${grown} MB; calls ${JSON.stringify(outcomes)}; the other site: ${String(good.outcome)}`,
  );
  good.outcome.assertNothingLost('the other site');
  assert.ok(good.outcome.counts.ok > 100);
  assert.ok(grown < MEMORY_LIMIT_MB);
  const { ok = 0, ERR_CALL_QUEUE_FULL: full = 0, ERR_CALL_TOO_MANY: many = 0 } = outcomes;
  assert.equal(ok + full + many, CALLS);
  assert.ok(ok > 0 && full + many > 0);
  assert.equal((await vhostd.status()).counts.violations, 0);
});

test('a master that is stopped knows the last state afterwards', async (t) => {
  const vhostd = await start(t);
  const port = await vhostd.port();
  const client = await WireClient.open(port, { limitMs: 60_000 });
  const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
  client.send(request('/'));
  const pid = Number((await client.answer()).body.toString());
  const base = { master: residentBytes(vhostd.pid), worker: residentBytes(pid) };
  process.kill(vhostd.pid, 'SIGSTOP');
  client.send(request('/push'));
  const good = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 10 });
  await delay(STOPPED_MS);
  const grown = { worker: (residentBytes(pid) - base.worker) >> 20, master: 0 };
  process.kill(vhostd.pid, 'SIGCONT');
  const { refused, calls } = JSON.parse((await client.answer()).body.toString()) as {
    refused: number;
    calls: Record<string, number>;
  };
  grown.master = (residentBytes(vhostd.pid) - base.master) >> 20;
  await good.stop();
  t.diagnostic(
    `worker grew by ${grown.worker} MB, master by ${grown.master} MB; calls ${JSON.stringify(calls)}`,
  );
  assert.equal(refused, 0);
  assert.deepEqual((await vhostd.site('a')).hosts, ['a.test', 'h9999.test']);
  assert.equal((await get(port, 'h9999.test')).status, 200);
  assert.equal((await get(port, 'h1.test')).status, 421);
  const { ok = 0, ERR_CALL_QUEUE_FULL: full = 0, ERR_CALL_TOO_MANY: many = 0 } = calls;
  assert.equal(ok + full + many, CALLS);
  assert.ok(ok > 0 && full + many > 0);
  good.outcome.assertNothingLost('the other site');
  assert.ok(grown.worker < MEMORY_LIMIT_MB);
  assert.ok(grown.master < MEMORY_LIMIT_MB);
  client.close();
});

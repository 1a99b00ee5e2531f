// A process that reads nothing for ten seconds costs the process at the other end neither its memory nor its work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from '../../kit/ask-site.js';
import { residentBytes } from '../../kit/processes.js';
import { Rig, siteFile } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';
import { WireClient } from '../../kit/wire-client.js';
import type { SiteOptions } from '../../kit/rig.js';

const STOPPED_MS = 10_000;
const CALLS = 40_000;
/** Unbounded, the calls of one test would take 480 MB, those of the other 800 MB, and a copy of each. */
const MEMORY_LIMIT_MB = 240;

function sites(handoff: string): SiteOptions[] {
  return [
    {
      siteId: 'a',
      hosts: ['a.test'],
      workerFile: new URL('./hostile.site.js', import.meta.url).pathname,
      cpuLen: 1,
      workerOptions: { env: { HANDOFF: handoff } },
    },
    { siteId: 'b', hosts: ['b.test'], workerFile: siteFile('echo'), cpuLen: 1 },
  ];
}

for (const handoff of ['pipe', 'ipc']) {
  test(`over ${handoff}, a worker that is stopped for 10 s has what it was given afterwards`, async (t) => {
    const setup = new URL('./hostile.commands.js', import.meta.url);
    const rig = await Rig.start(t, { conf: { handoff }, setup, sites: sites(handoff) });
    const port = await rig.port();
    const [worker] = await rig.workers('a');
    assert.ok(worker !== undefined);
    const base = residentBytes(rig.pid);
    process.kill(worker.pid, 'SIGSTOP');
    const good = new SteadyLoad(port, 'b.test');
    const clients: WireClient[] = [];
    for (let index = 0; index < 300; index += 1) {
      const client = await WireClient.open(port, { limitMs: 60_000 });
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
      clients.push(client);
    }
    const calls = rig.ask('callOften', { to: worker.workerId, count: CALLS, bytes: 20_000 });
    await delay(STOPPED_MS);
    const grown = (residentBytes(rig.pid) - base) >> 20;
    process.kill(worker.pid, 'SIGCONT');
    const outcomes = (await calls) as Record<string, number>;
    for (const client of clients) {
      assert.equal((await client.answer()).body.toString(), `${worker.pid}`);
      client.close();
    }
    await good.stop();
    t.diagnostic(
      `master grew by ${grown} MB; calls ${JSON.stringify(outcomes)}; ${good.count} good requests`,
    );
    assert.deepEqual(good.failures, []);
    assert.ok(good.count > 100);
    assert.ok(grown < MEMORY_LIMIT_MB);
    const { ok = 0, ERR_CALL_QUEUE_FULL: full = 0, ERR_CALL_TOO_MANY: many = 0 } = outcomes;
    assert.equal(ok + full + many, CALLS);
    assert.ok(ok > 0 && full + many > 0);
    assert.equal((await rig.status()).counts.violations, 0);
  });

  test(`over ${handoff}, a master that is stopped for 10 s knows the last state afterwards`, async (t) => {
    const setup = new URL('./hostile.commands.js', import.meta.url);
    const rig = await Rig.start(t, { conf: { handoff }, setup, sites: sites(handoff) });
    const port = await rig.port();
    const client = await WireClient.open(port, { limitMs: 60_000 });
    const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
    client.send(request('/'));
    const pid = Number((await client.answer()).body.toString());
    const base = { master: residentBytes(rig.pid), worker: residentBytes(pid) };
    process.kill(rig.pid, 'SIGSTOP');
    client.send(request('/push'));
    const good = new SteadyLoad(port, 'b.test');
    await delay(STOPPED_MS);
    const grown = { worker: (residentBytes(pid) - base.worker) >> 20, master: 0 };
    process.kill(rig.pid, 'SIGCONT');
    const { refused, calls } = JSON.parse((await client.answer()).body.toString()) as {
      refused: number;
      calls: Record<string, number>;
    };
    grown.master = (residentBytes(rig.pid) - base.master) >> 20;
    await good.stop();
    t.diagnostic(
      `worker grew by ${grown.worker} MB, master by ${grown.master} MB; calls ${JSON.stringify(calls)}`,
    );
    assert.equal(refused, 0);
    assert.deepEqual((await rig.site('a')).hosts, ['a.test', 'h9999.test']);
    assert.equal((await get(port, 'h9999.test')).status, 200);
    assert.equal((await get(port, 'h1.test')).status, 421);
    const { ok = 0, ERR_CALL_QUEUE_FULL: full = 0, ERR_CALL_TOO_MANY: many = 0 } = calls;
    assert.equal(ok + full + many, CALLS);
    assert.ok(ok > 0 && full + many > 0);
    assert.deepEqual(good.failures, []);
    assert.ok(grown.worker < MEMORY_LIMIT_MB);
    assert.ok(grown.master < MEMORY_LIMIT_MB);
    client.close();
  });
}

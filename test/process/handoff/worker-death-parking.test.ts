// A site all of whose workers are dead: who connects is never refused, but waits, in bounds, and is served when a
// worker comes in time.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Rig, siteFile } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';
import { WireClient } from '../../kit/wire-client.js';

const PARK_MAX_COUNT = 30;
const SURPLUS = 12;
const ROUNDS = 3;

test('connections of a site without workers wait up to a bound and are served by the first that comes', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const gate = join(dir, 'gate');
  writeFileSync(gate, '');
  const rig = await Rig.start(t, {
    sites: [
      {
        siteId: 'a',
        hosts: ['a.test'],
        workerFile: new URL('./gated.site.js', import.meta.url).pathname,
        workerOptions: { env: { GATE: gate } },
        cpuLen: 2,
        parkMaxCount: PARK_MAX_COUNT,
        parkTimeout: '10m',
        restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
      },
      { siteId: 'b', hosts: ['b.test'], workerFile: siteFile('echo'), cpuLen: 1 },
    ],
  });
  const port = await rig.port();
  const good = new SteadyLoad(port, 'b.test');
  const dead = new Set<number>();
  let served = 0;
  let told = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await rig.until('both workers are ready', ({ sites: [a] }) => {
      return a?.workers.filter(({ state }) => state === 'ready').length === 2;
    });
    rmSync(gate);
    for (const { pid } of await rig.workers('a')) {
      dead.add(pid);
      process.kill(pid, 'SIGKILL');
    }
    await rig.until('no worker is ready', ({ sites: [a] }) => {
      return a?.workers.every(({ state, pid }) => state !== 'ready' && !dead.has(pid ?? 0)) === true;
    });
    const waiting = await ask(port, PARK_MAX_COUNT);
    await rig.until('they wait', ({ sites: [a] }) => a?.parked === PARK_MAX_COUNT);
    for (const client of await ask(port, SURPLUS)) {
      const { status, headers } = await client.answer();
      assert.deepEqual([status, headers['retry-after']], [503, '1']);
      client.close();
      told += 1;
    }
    assert.equal((await rig.site('a')).parked, PARK_MAX_COUNT);
    writeFileSync(gate, '');
    for (const client of waiting) {
      const { status, body } = await client.answer();
      assert.equal(status, 200);
      assert.ok(!dead.has(Number(body.toString())));
      client.close();
      served += 1;
    }
  }
  await good.stop();
  const { counts } = await rig.status();
  t.diagnostic(
    `${served} of ${ROUNDS * PARK_MAX_COUNT} waited and were served, ${told} more were told to come back, 0 refused; ` +
      `other site: ${good.count} requests, ${good.failures.length} failed, ` +
      `the slowest took ${Math.round(good.slowestMs)} ms`,
  );
  assert.deepEqual(counts.refused, { 503: ROUNDS * SURPLUS });
  assert.deepEqual(good.failures, []);
});

/** Opens connections that each send one request; one that is refused rejects. */
async function ask(port: number, count: number): Promise<WireClient[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const client = await WireClient.open(port, { limitMs: 60_000 });
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
      return client;
    }),
  );
}

// A site all of whose workers are dead: who connects is never refused, but waits, in bounds, and is served when a
// worker comes in time.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { Load } from '../../kit/load.js';
import { WireClient } from '../../kit/wire-client.js';

const PARK_MAX_COUNT = 30;
const SURPLUS = 12;
const ROUNDS = 3;

test('connections of a site without workers wait up to a bound and are served by the first that comes', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
  const gate = join(dir, 'gate');
  writeFileSync(gate, '');
  const vhostd = await startVhostd(t, {
    sites: [
      {
        siteId: 'a',
        workerFile: siteFile('gated', import.meta.url),
        workerOptions: { env: { GATE: gate } },
        cpuLen: 2,
        parkMaxCount: PARK_MAX_COUNT,
        parkTimeout: '10m',
        restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
      },
      { siteId: 'b' },
    ],
  });
  const port = await vhostd.port();
  const good = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
  const dead = new Set<number>();
  let served = 0;
  let told = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await vhostd.ready('a', 2);
    rmSync(gate);
    for (const { pid } of await vhostd.workers('a')) {
      dead.add(pid);
      process.kill(pid, 'SIGKILL');
    }
    await vhostd.until('no worker is ready', ({ sites: [a] }) => {
      return a?.workers.every(({ state, pid }) => state !== 'ready' && !dead.has(pid ?? 0)) === true;
    });
    const waiting = await ask(port, PARK_MAX_COUNT);
    await vhostd.until('they wait', ({ sites: [a] }) => a?.parked === PARK_MAX_COUNT);
    for (const client of await ask(port, SURPLUS)) {
      const { status, headers } = await client.answer();
      assert.deepEqual([status, headers['retry-after']], [503, '1']);
      client.close();
      told += 1;
    }
    assert.equal((await vhostd.site('a')).parked, PARK_MAX_COUNT);
    writeFileSync(gate, '');
    for (const client of waiting) {
      const { status, body } = await client.answer();
      assert.equal(status, 200);
      assert.ok(!dead.has(Number(body.toString())));
      client.close();
      served += 1;
    }
  }
  const other = await good.stop();
  const { counts } = await vhostd.status();
  t.diagnostic(
    `${served} of ${ROUNDS * PARK_MAX_COUNT} waited and were served, ${told} more were told to come back, 0 refused; ` +
      `other site: ${String(other)}`,
  );
  assert.deepEqual(counts.refused, { 503: ROUNDS * SURPLUS });
  other.assertNothingLost('the other site');
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

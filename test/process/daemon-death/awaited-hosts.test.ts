// Hosts that nobody has yet while a master starts its sites: who asks for one of them waits, and is told 421 only when no
// site will come with it.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { askSite } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { freePorts } from '../../kit/free-port.js';
import { openSecure } from '../../kit/secure-client.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const GATE = 'gate';
const KEYS = await selfSigned('a.test', 'b.test', 'late.test');
// Not port 0: the next master may get the one's socket for the other.
const [PORT = 0, SECURE_PORT = 0] = await freePorts(2);

/** In clear and with TLS. */
function listen(host: string): unknown[] {
  const place = { host, ipaddress: '127.0.0.1' };
  return [
    { ...place, port: PORT },
    { ...place, port: SECURE_PORT, type: 'ssl', ...KEYS },
  ];
}

/** Two sites whose hosts are in the conf, and one that names its own when it is told; all of them serve. */
async function started(t: TestContext): Promise<FullVhostd> {
  return await startVhostd(t, {
    daemon: true,
    sites: [
      { siteId: 'a', listen: listen('a.test') },
      {
        siteId: 'late',
        workerFile: siteFile('late-host', import.meta.url),
        workerOptions: { env: { GATE, LISTEN: JSON.stringify(listen('late.test')) } },
        listen: undefined,
        restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
        bootTimeout: '10m',
        parkTimeout: '10m',
      },
      { siteId: 'b', listen: listen('b.test') },
    ],
    prepare: (dir) => void writeFileSync(join(dir, GATE), ''),
  });
}

/** Kills the master; resolves once two sites of the next one serve, and the third one boots. */
async function killMaster(vhostd: FullVhostd): Promise<void> {
  const status = await vhostd.serves();
  rmSync(join(vhostd.dir, GATE));
  process.kill(status.master?.pid ?? 0, 'SIGKILL');
  await vhostd.until('another master serves the others', ({ master, sites: [a, late, b] }) => {
    const isNext = master !== undefined && master.pid !== status.master?.pid;
    return isNext && a?.state === 'running' && b?.state === 'running' && late?.state === 'booting';
  });
}

async function ask(host: string): Promise<WireClient> {
  const client = await WireClient.open(PORT);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return client;
}

test('a request for the host of a site that the next master still boots waits for it', async (t) => {
  const vhostd = await started(t);
  await killMaster(vhostd);
  const early = await ask('late.test');
  // By a worker that has served another host, too.
  const kept = await ask('a.test');
  assert.equal((await kept.answer()).status, 200);
  kept.send('GET / HTTP/1.1\r\nHost: late.test\r\n\r\n');
  const secure = openSecure(SECURE_PORT, 'late.test');
  (await openSecure(SECURE_PORT, 'a.test')).close();
  const unknown = await ask('nobody.test');
  // All that came before these has been routed, and others are served meanwhile.
  for (const siteId of ['a', 'b']) assert.equal((await askSite(PORT, `${siteId}.test`)).siteId, siteId);
  assert.deepEqual((await vhostd.status()).counts?.refused, {});
  vhostd.touch(GATE);
  const secured = await secure;
  secured.send('GET / HTTP/1.1\r\nHost: late.test\r\n\r\n');
  for (const client of [early, kept, secured]) {
    const { status, body } = await client.answer();
    assert.deepEqual([status, body.toString()], [200, 'late']);
    client.close();
  }
  assert.equal((await unknown.answer()).status, 421);
  unknown.close();
  await vhostd.serves();
  const after = await ask('nobody.test');
  assert.equal((await after.answer()).status, 421);
  after.close();
});

test('it is told 421 as soon as that site is stopped', async (t) => {
  const vhostd = await started(t);
  await killMaster(vhostd);
  const client = await ask('late.test');
  assert.equal((await askSite(PORT, 'a.test')).siteId, 'a');
  assert.deepEqual((await vhostd.status()).counts?.refused, {});
  await vhostd.client.request({ method: 'POST', path: '/sites/late/stop', body: { now: true } });
  assert.equal((await client.answer()).status, 421);
  client.close();
});

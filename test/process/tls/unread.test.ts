// Neither master nor daemon has a key of a site in its memory or a file of keys among its descriptors; the worker has.
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { selfSigned } from '../../kit/certificate.js';
import type { SelfSigned } from '../../kit/certificate.js';
import { foundInMemory } from '../../kit/process-memory.js';
import { portOf, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import { TlsSession } from '../../kit/tls-sessions.js';

const HOST = 'a.test';

/** What nobody but the worker may have: a line of the key's file, and the key itself. */
function secretsOf({ key }: SelfSigned): [name: string, bytes: Buffer][] {
  const { d = '' } = createPrivateKey(key).export({ format: 'jwk' });
  return [
    ['key file', Buffer.from(key.split('\n')[1] ?? '', 'latin1')],
    // OpenSSL's numbers begin with their lowest byte.
    ['key', Buffer.from(Buffer.from(d, 'base64url').toReversed())],
  ];
}

void test('the key of a certificate that vhostd keeps is in its worker, and neither in master nor daemon', async (t) => {
  const listen = [{ type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', cert: 'internal' }];
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', listen }] });
  const port = portOf(await vhostd.serves(), 'ssl');
  await TlsSession.begin({ port, servername: HOST });
  await vhostd.reloaded('a');
  const status = await vhostd.until('the old worker has gone', ({ sites }) => sites[0]?.workers.length === 1);
  const pair = readFileSync(join(vhostd.runDir, 'sites/a', `internal.${HOST}.pem`), 'utf8');
  const wanted = new Map(secretsOf({ key: pair, cert: pair }));
  for (const pid of [status.daemon.pid, status.master?.pid ?? 0])
    assert.deepEqual(foundInMemory(pid, wanted), []);
  const [worker = 0] = workerPids(status);
  assert.deepEqual(foundInMemory(worker, wanted), ['key', 'key file']);
});

void test('the keys of a site are in its worker, and neither in the master nor in the daemon', async (t) => {
  const keys = await selfSigned(HOST);
  const listen = [
    { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', key: 'tls/key.pem', cert: 'tls/cert.pem' },
  ];
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [{ siteId: 'a', listen }],
    prepare: (dir) => {
      mkdirSync(join(dir, 'tls'));
      writeFileSync(join(dir, 'tls/key.pem'), keys.key);
      writeFileSync(join(dir, 'tls/cert.pem'), keys.cert);
    },
  });
  const port = portOf(await vhostd.serves(), 'ssl');
  const session = await TlsSession.begin({ port, servername: HOST });
  await vhostd.reloaded('a');
  const uses = await session.goOn(4);
  assert.ok(uses.every(({ reused }) => reused));
  const status = await vhostd.until('the old worker has gone', ({ sites }) => sites[0]?.workers.length === 1);
  const directory = join(vhostd.runDir, 'sites', 'a');
  const [ticketKey = ''] = readdirSync(directory).filter((name) => name.startsWith('ticket-key.'));
  const wanted = new Map([
    ...secretsOf(keys),
    ['ticket key', readFileSync(join(directory, ticketKey))] as const,
  ]);
  const others = [status.daemon.pid, status.master?.pid ?? 0];
  for (const pid of others) {
    assert.deepEqual(foundInMemory(pid, wanted), []);
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(pid, fd));
    assert.deepEqual(
      open.filter((path) => path.includes('/tls/') || path.startsWith(directory)),
      [],
    );
  }
  // What is looked for would be found.
  const [worker = 0] = workerPids(status);
  assert.deepEqual(foundInMemory(worker, wanted), ['key', 'key file', 'ticket key']);
});

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

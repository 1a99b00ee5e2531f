// Certificates of the machine's own authority: there before the site is ready, renewed while it serves, whatever becomes of
// the process that keeps them.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { CertificateState } from '@vhostd/protocol';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { withOwnState } from '../../kit/full-vhostd.js';
import { commandOf } from '../../kit/processes.js';
import { portOf, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const HOST = 'a.test';
const PLACE = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', cert: 'internal' };

async function start(t: TestContext, options: Partial<SiteOptions> = {}): Promise<FullVhostd> {
  return await startVhostd(t, {
    daemon: true,
    sites: [{ siteId: 'a', listen: [PLACE], ...options }],
    program: withOwnState,
  });
}

/** A file of the authority. */
function kept(vhostd: FullVhostd, name: string): string {
  return join(vhostd.dir, 'state/certificates/internal', name);
}

/** The certificate that a client gets, which trusts nothing but the authority. */
async function served(vhostd: FullVhostd, port: number): Promise<string> {
  const ca = readFileSync(kept(vhostd, 'root.pem'));
  const socket = connect({ port, host: '127.0.0.1', servername: HOST, ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** Lets the certificate be due, and asks for a look at it. */
async function makeDue(vhostd: FullVhostd): Promise<void> {
  const file = kept(vhostd, `${HOST}.json`);
  const state = JSON.parse(readFileSync(file, 'utf8')) as CertificateState;
  writeFileSync(file, JSON.stringify({ ...state, nextRenewal: new Date(0).toISOString() }));
  await vhostd.reloaded('a');
}

function keeperOf(vhostd: FullVhostd): number | undefined {
  return vhostd.processes().find((pid) => commandOf(pid).includes('run-certificates'));
}

void test('a site is ready with a certificate that whoever trusts the authority takes', async (t) => {
  const vhostd = await start(t);
  const port = portOf(await vhostd.serves(), 'ssl');
  await served(vhostd, port);
  assert.equal(statSync(kept(vhostd, 'root.key.pem')).mode & 0o777, 0o600);
  const { stdout } = await vhostd.run('trust', '--json', '--state-dir', join(vhostd.dir, 'state'));
  assert.equal((JSON.parse(stdout) as { certificate: string }).certificate, kept(vhostd, 'root.pem'));
});

void test('a renewed certificate is served by the workers that are there', async (t) => {
  const vhostd = await start(t);
  const port = portOf(await vhostd.serves(), 'ssl');
  const first = await served(vhostd, port);
  await makeDue(vhostd);
  await vhostd.logs('certificate.issued', 2);
  const [worker] = await vhostd.workers('a');
  const last = new X509Certificate(readFileSync(kept(vhostd, `${HOST}.pem`))).serialNumber;
  assert.notEqual(last, first);
  await until('it is served', async () => {
    const value = await served(vhostd, port);
    return { done: value === last, value };
  });
  assert.equal((await vhostd.workers('a'))[0]?.pid, worker?.pid);
});

void test('without the process that keeps them sites serve and boot; another one goes on in its place', async (t) => {
  const vhostd = await start(t);
  const port = portOf(await vhostd.serves(), 'ssl');
  const first = await served(vhostd, port);
  const pid = keeperOf(vhostd);
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  await vhostd.logs('certificates.exited');
  await vhostd.reloaded('a');
  assert.equal(await served(vhostd, port), first);
  await until('another one is there', () => {
    const value = keeperOf(vhostd);
    return { done: value !== undefined, value };
  });
  await makeDue(vhostd);
  await vhostd.logs('certificate.issued', 2);
});

void test('a site with a user of its own gets a file that is its own', { skip: otherUserSkip }, async (t) => {
  const { theirs } = placesOf(t);
  const vhostd = await start(t, { path: theirs, user: OTHER_USER });
  const port = portOf(await vhostd.serves(), 'ssl');
  await served(vhostd, port);
  const { uid, mode } = statSync(join(vhostd.runDir, 'sites/a', `internal.${HOST}.pem`));
  assert.deepEqual([uid, mode & 0o777], [OTHER_USER, 0o600]);
});

// A TLS session goes on in every worker of its site, behind a reload to another release and behind an upgrade.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { SecureVersion } from 'node:tls';
import { selfSigned } from '../../kit/certificate.js';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { portOf, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { TlsSession } from '../../kit/tls-sessions.js';
import { writeApp } from './secure-app.js';

const HOST = 'a.test';
const keys = await selfSigned(HOST);
const LISTEN = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1' };
const COUNT = 8;
const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];

/** How many of some connections went on, and in how many workers. */
async function reused(session: TlsSession, port?: number): Promise<{ count: number; workers: number }> {
  const uses = await session.goOn(COUNT, port);
  return {
    count: uses.filter((use) => use.reused).length,
    workers: new Set(uses.map(({ headers }) => headers['x-pid'])).size,
  };
}

function site(kind: string, options: Partial<SiteOptions> = {}): SiteOptions {
  const listen = [{ ...LISTEN, ...(kind === 'own keys' || kind === 'SNICallback' ? {} : keys) }];
  return {
    siteId: 'a',
    cpuLen: 2,
    balance: 'round-robin',
    workerFile: 'current/app.cjs',
    listen,
    ...options,
  };
}

/** Puts a release of the app in the place of the one before. */
function release(dir: string, version: string, kind: string): void {
  mkdirSync(join(dir, version));
  writeApp(join(dir, version, 'app.cjs'), kind, keys);
  symlinkSync(version, join(dir, 'next'));
  renameSync(join(dir, 'next'), join(dir, 'current'));
}

async function begin(vhostd: FullVhostd): Promise<TlsSession[]> {
  const port = portOf(await vhostd.serves(), 'ssl');
  return await Promise.all(
    VERSIONS.map((version) =>
      TlsSession.begin({ port, servername: HOST, minVersion: version, maxVersion: version }),
    ),
  );
}

void describe('a TLS session', () => {
  for (const kind of ['plain', 'https', 'own keys', 'SNICallback']) {
    void it(`goes on with a server of the kind '${kind}'`, async (t) => {
      const vhostd = await startVhostd(t, {
        daemon: true,
        sites: [site(kind)],
        prepare: (dir) => release(dir, 'r1', kind),
      });
      const sessions = await begin(vhostd);
      const check = async (when: string): Promise<void> => {
        for (const [index, session] of sessions.entries()) {
          const port = portOf(await vhostd.serves(), 'ssl');
          assert.deepEqual(
            await reused(session, port),
            { count: COUNT, workers: 2 },
            `${VERSIONS[index]} ${when}`,
          );
        }
      };
      await check('in both workers');
      release(vhostd.dir, 'r2', kind);
      await vhostd.reloaded('a');
      await check('behind a reload');
      release(vhostd.dir, 'r3', kind);
      await vhostd.client.upgrade();
      await check('behind an upgrade');
      const directory = join(vhostd.runDir, 'sites', 'a');
      assert.equal(statSync(directory).mode & 0o777, 0o700);
      const ticketKeys = readdirSync(directory).filter((name) => name !== 'compile-cache');
      assert.ok(ticketKeys.length > 0);
      for (const name of ticketKeys) {
        assert.match(name, /^ticket-key\.\d+$/);
        assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
      }
    });
  }

  void it('is of its site alone', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [
        site('plain'),
        site('plain', {
          siteId: 'b',
          listen: [{ ...LISTEN, host: 'b.test', ...(await selfSigned('b.test')) }],
        }),
      ],
      prepare: (dir) => release(dir, 'r1', 'plain'),
    });
    const [session] = await begin(vhostd);
    assert.ok(session);
    const [use] = await session.goOn(1, undefined, 'b.test');
    assert.equal(use?.reused, false);
  });

  void it('goes on in a site with a user of its own', { skip: otherUserSkip }, async (t) => {
    const { theirs } = placesOf(t);
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [site('plain', { path: theirs, user: OTHER_USER })],
      prepare: () => release(theirs, 'r1', 'plain'),
    });
    for (const session of await begin(vhostd))
      assert.deepEqual(await reused(session), { count: COUNT, workers: 2 });
    const directory = statSync(join(vhostd.runDir, 'sites', 'a'));
    assert.deepEqual([directory.uid, directory.mode & 0o777], [OTHER_USER, 0o700]);
  });
});

// What the next master serves with: the conf and the releases that served, not those that are on disk by then.
import assert from 'node:assert/strict';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { HeldRequest } from '../../kit/held-request.js';
import { portOf, serves, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { askRelease, writeRelease } from '../reload/release.js';

const HOST = 'a.test';
const SITE = { siteId: 'a', path: 'current', workerFile: 'server.cjs' };

void describe('a master that follows one which was killed', { concurrency: 2 }, () => {
  void it('goes on with the conf that served, and never mind one that is broken by now', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', drainTimeout: '120s' }] });
    const status = await vhostd.serves();
    const held = await HeldRequest.begin(portOf(status), HOST);
    await vhostd.until('the request is in work', ({ sites: [a] }) => a?.workers[0]?.connections === 1);
    writeFileSync(vhostd.confFile, '{ "sites": [');
    await assert.rejects(vhostd.reload(), { code: 'ERR_CONF_SYNTAX' });
    const now = await killMaster(vhostd, status);
    assert.deepEqual(now.listeners, status.listeners);
    await held.finish();
    // What is wrong with the conf is told to whoever asks for it.
    await assert.rejects(vhostd.reload(), { code: 'ERR_CONF_SYNTAX' });
    vhostd.configure([{ siteId: 'a', cpuLen: 2 }]);
    assert.deepEqual((await vhostd.reload()).sites, [{ siteId: 'a', generation: 2, ok: true }]);
  });

  void it('runs the release that served, not one that is there by now, be it good or bad', async (t) => {
    const vhostd = await startRelease(t);
    let status = await vhostd.serves();
    const port = portOf(status);
    lead(vhostd.dir, '2');
    status = await killMaster(vhostd, status);
    assert.equal((await askRelease(port, HOST)).version, '1');
    await vhostd.reload();
    assert.equal((await askRelease(port, HOST)).version, '2');
    lead(vhostd.dir, 'bad');
    const [outcome] = (await vhostd.reload()).sites;
    assert.deepEqual([outcome?.ok, outcome?.error?.message], [false, 'a bad release']);
    status = await killMaster(vhostd, status);
    const answer = await askRelease(port, HOST);
    assert.deepEqual([answer.version, answer.generation], ['2', 2]);
    // What has been cleared away cannot be run any more.
    rmSync(join(vhostd.dir, 'releases/2'), { recursive: true });
    lead(vhostd.dir, '1');
    await killMaster(vhostd, status);
    assert.equal((await askRelease(port, HOST)).version, '1');
  });

  void it('does so after a death of the daemon, too', async (t) => {
    const vhostd = await startRelease(t);
    const status = await vhostd.serves();
    process.kill(status.daemon.pid, 'SIGKILL');
    const next = await vhostd.until('another daemon answers', (now) => now.daemon.pid !== status.daemon.pid);
    lead(vhostd.dir, 'bad');
    writeFileSync(vhostd.confFile, '');
    await killMaster(vhostd, next);
    assert.equal((await askRelease(portOf(status), HOST)).version, '1');
  });

  void it('leaves what is on disk to an upgrade', async (t) => {
    const vhostd = await startRelease(t);
    lead(vhostd.dir, '2');
    await vhostd.client.upgrade();
    const status = await vhostd.serves();
    assert.equal((await askRelease(portOf(status), HOST)).version, '2');
    lead(vhostd.dir, 'bad');
    await killMaster(vhostd, status);
    assert.equal((await askRelease(portOf(status), HOST)).version, '2');
  });

  void it('does not know a site that was taken out of the conf', async (t) => {
    const vhostd = await startRelease(t);
    const status = await vhostd.serves();
    vhostd.configure([{ ...SITE, siteId: 'b' }]);
    await vhostd.reload();
    const { sites } = await killMaster(vhostd, status);
    assert.deepEqual(
      sites.map(({ siteId }) => siteId),
      ['b'],
    );
  });
});

/** Starts a vhostd whose site runs release 1 of 1, 2 and a bad one. */
async function startRelease(t: TestContext): Promise<FullVhostd> {
  return await startVhostd(t, {
    daemon: true,
    sites: [SITE],
    prepare: (dir) => {
      for (const version of ['1', '2', 'bad']) writeRelease(join(dir, 'releases', version), version);
      writeFileSync(join(dir, 'releases/bad/server.cjs'), `throw new Error('a bad release');`);
      lead(dir, '1');
    },
  });
}

/** Lets the site's path lead to another release, in one step. */
function lead(dir: string, version: string): void {
  symlinkSync(join('releases', version), join(dir, 'next'));
  renameSync(join(dir, 'next'), join(dir, 'current'));
}

/** Kills the master; resolves once the next one serves. */
async function killMaster(vhostd: FullVhostd, { master }: DaemonStatus): Promise<DaemonStatus> {
  process.kill(master?.pid ?? 0, 'SIGKILL');
  return await vhostd.until('another master serves', (now) => now.master?.pid !== master?.pid && serves(now));
}

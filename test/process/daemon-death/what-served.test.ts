// What the next master serves with: the conf and the releases that served, not those that are on disk by then.
import assert from 'node:assert/strict';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { HeldRequest } from '../../kit/held-request.js';
import { LastingRig, HOST, portOf, serves } from '../../kit/lasting-rig.js';
import { askRelease, writeRelease } from '../reload/release.js';

const SITE = { path: 'current', workerFile: 'server.cjs', cpuLen: 1 };

void describe('a master that follows one which was killed', { concurrency: 2 }, () => {
  void it('goes on with the conf that served, and never mind one that is broken by now', async (t) => {
    const rig = await LastingRig.start(t, { cpuLen: 1, site: { drainTimeout: '120s' } });
    const status = await rig.until('the site serves', serves);
    const held = await HeldRequest.begin(portOf(status), HOST);
    await rig.until('the request is in work', ({ sites: [a] }) => a?.workers[0]?.connections === 1);
    writeFileSync(rig.config, '{ "sites": [');
    await assert.rejects(rig.client.reload(), { code: 'ERR_CONF_SYNTAX' });
    const now = await killMaster(rig, status);
    assert.deepEqual(now.listeners, status.listeners);
    await held.finish();
    // What is wrong with the conf is told to whoever asks for it.
    await assert.rejects(rig.client.reload(), { code: 'ERR_CONF_SYNTAX' });
    rig.configure({ cpuLen: 2 });
    assert.deepEqual((await rig.client.reload()).sites, [{ siteId: 'a', generation: 2, ok: true }]);
  });

  void it('runs the release that served, not one that is there by now, be it good or bad', async (t) => {
    const rig = await startRelease(t);
    let status = await rig.until('the site serves', serves);
    const port = portOf(status);
    lead(rig.dir, '2');
    status = await killMaster(rig, status);
    assert.equal((await askRelease(port, HOST)).version, '1');
    await rig.client.reload();
    assert.equal((await askRelease(port, HOST)).version, '2');
    lead(rig.dir, 'bad');
    const [outcome] = (await rig.client.reload()).sites;
    assert.deepEqual([outcome?.ok, outcome?.error?.message], [false, 'a bad release']);
    status = await killMaster(rig, status);
    const answer = await askRelease(port, HOST);
    assert.deepEqual([answer.version, answer.generation], ['2', 2]);
    // What has been cleared away cannot be run any more.
    rmSync(join(rig.dir, 'releases/2'), { recursive: true });
    lead(rig.dir, '1');
    await killMaster(rig, status);
    assert.equal((await askRelease(port, HOST)).version, '1');
  });

  void it('does so after a death of the daemon, too', async (t) => {
    const rig = await startRelease(t);
    const status = await rig.until('the site serves', serves);
    process.kill(status.daemon.pid, 'SIGKILL');
    const next = await rig.until('another daemon answers', (now) => now.daemon.pid !== status.daemon.pid);
    lead(rig.dir, 'bad');
    writeFileSync(rig.config, '');
    await killMaster(rig, next);
    assert.equal((await askRelease(portOf(status), HOST)).version, '1');
  });

  void it('leaves what is on disk to an upgrade', async (t) => {
    const rig = await startRelease(t);
    lead(rig.dir, '2');
    await rig.client.upgrade();
    const status = await rig.until('the site serves', serves);
    assert.equal((await askRelease(portOf(status), HOST)).version, '2');
    lead(rig.dir, 'bad');
    await killMaster(rig, status);
    assert.equal((await askRelease(portOf(status), HOST)).version, '2');
  });

  void it('does not know a site that was taken out of the conf', async (t) => {
    const rig = await startRelease(t);
    const status = await rig.until('the site serves', serves);
    rig.configure({ siteId: 'b' });
    await rig.client.reload();
    const { sites } = await killMaster(rig, status);
    assert.deepEqual(
      sites.map(({ siteId }) => siteId),
      ['b'],
    );
  });
});

/** Starts a rig whose site runs release 1 of 1, 2 and a bad one. */
async function startRelease(t: TestContext): Promise<LastingRig> {
  return await LastingRig.start(t, {
    site: SITE,
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
async function killMaster(rig: LastingRig, { master }: DaemonStatus): Promise<DaemonStatus> {
  process.kill(master?.pid ?? 0, 'SIGKILL');
  return await rig.until('another master serves', (now) => now.master?.pid !== master?.pid && serves(now));
}

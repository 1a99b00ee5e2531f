// What a reload runs: the release that a symbolic link leads to now, with the arguments, options and environment of
// the conf as it is now.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DaemonRig } from '../../kit/daemon-rig.js';
import type { DaemonSite } from '../../kit/daemon-rig.js';
import { askRelease, writeRelease } from './release.js';

const SITE = { siteId: 'a', hosts: ['a.test'], cpuLen: 1 };

void describe('a reload', { concurrency: 2 }, () => {
  for (const [what, site] of Object.entries({
    'the site’s directory': { path: 'current', workerFile: 'server.cjs' },
    'the worker’s file': { workerFile: 'current.cjs', workerOptions: { cwd: 'current' } },
  })) {
    void it(`runs the release to which ${what} leads now`, async (t) => {
      const rig = await DaemonRig.start(t, [{ ...SITE, ...site }], (dir) => {
        for (const version of ['1', '2', '3']) writeRelease(join(dir, 'releases', version), version);
        lead(dir, '1');
      });
      const port = await rig.port();
      for (const version of ['1', '2', '3', '2']) {
        lead(rig.dir, version);
        await reloaded(rig);
        const answer = await askRelease(port, 'a.test');
        const release = join(rig.dir, 'releases', version);
        assert.deepEqual([answer.version, answer.libVersion], [version, version]);
        assert.deepEqual(
          [answer.dirname, answer.cwd, answer.main],
          [release, release, join(release, 'server.cjs')],
        );
      }
    });
  }

  void it('alone changes the release: a worker that is restarted runs that of its generation', async (t) => {
    const restart = { backoffMin: '10ms' };
    const site = { ...SITE, path: 'current', workerFile: 'server.cjs', restart };
    const rig = await DaemonRig.start(t, [site], (dir) => {
      for (const version of ['1', '2']) writeRelease(join(dir, 'releases', version), version);
      lead(dir, '1');
    });
    const port = await rig.port();
    lead(rig.dir, '2');
    assert.equal(await versionAfterDeath(rig, port), '1');
    // What has been cleared away cannot be run any more.
    rmSync(join(rig.dir, 'releases/1'), { recursive: true });
    assert.equal(await versionAfterDeath(rig, port), '2');
  });

  void it('is not needed where the first release never came up: each attempt looks anew', async (t) => {
    const rig = DaemonRig.launch(t, [{ ...SITE, path: 'current', workerFile: 'server.cjs' }], (dir) => {
      writeRelease(join(dir, 'releases/1'), '1');
      writeFileSync(join(dir, 'releases/1/server.cjs'), `throw new Error('not yet');`);
      writeRelease(join(dir, 'releases/2'), '2');
      lead(dir, '1');
    });
    await rig.says('site a: not yet (ERR_WORKER_FAILED)');
    lead(rig.dir, '2');
    await rig.says('vhostd ready\n');
    assert.equal((await askRelease(await rig.port(), 'a.test')).version, '2');
  });

  void it('gives the workers the arguments, options, directory and environment of the conf now', async (t) => {
    const site = { ...SITE, workerFile: 'server.cjs' };
    const before = {
      ...site,
      workerArgs: ['--one', 'two words'],
      workerOptions: {
        env: { SITE_CHANGED: 'old', SITE_REMOVED: 'old', SITE_KEPT: 'kept' },
        execArgv: ['--max-old-space-size=200', '--no-warnings'],
      },
    };
    const after = {
      ...site,
      workerArgs: ['--three'],
      workerOptions: {
        env: { SITE_CHANGED: 'new', SITE_ADDED: 'new', SITE_KEPT: 'kept' },
        execArgv: ['--max-old-space-size=300'],
        cwd: 'elsewhere',
      },
    };
    const rig = await DaemonRig.start(t, [before], (dir) => {
      writeRelease(dir, '1');
      mkdirSync(join(dir, 'elsewhere'));
    });
    const port = await rig.port();
    const first = await askRelease(port, 'a.test');
    assert.deepEqual([first.args, first.cwd], [before.workerArgs, rig.dir]);
    assert.deepEqual(own(first.execArgv), before.workerOptions.execArgv);
    assert.deepEqual(first.env, before.workerOptions.env);
    rig.configure([after]);
    await reloaded(rig);
    const second = await askRelease(port, 'a.test');
    assert.deepEqual([second.args, second.cwd], [after.workerArgs, join(rig.dir, 'elsewhere')]);
    assert.deepEqual(own(second.execArgv), after.workerOptions.execArgv);
    assert.deepEqual(second.env, after.workerOptions.env);
    rig.configure([site]);
    await reloaded(rig);
    const third = await askRelease(port, 'a.test');
    assert.deepEqual([third.args, own(third.execArgv), third.env, third.cwd], [[], [], {}, rig.dir]);
  });

  void it(
    'takes user and group from the conf of its own site, and from no other',
    { skip: process.getuid?.() === 0 ? false : 'only root may change the user' },
    async (t) => {
      const site = (siteId: string, ids: Record<string, number>): DaemonSite => ({
        ...SITE,
        siteId,
        hosts: [`${siteId}.test`],
        workerFile: 'server.cjs',
        workerOptions: ids,
      });
      const nobody = { uid: 65_534, gid: 65_534 };
      const rig = await DaemonRig.start(t, [site('a', nobody), site('b', {})], (dir) => {
        chmodSync(dir, 0o755);
        writeRelease(dir, '1');
      });
      const port = await rig.port();
      const ids = async (host: string): Promise<number[]> => {
        const { uid, gid } = await askRelease(port, host);
        return [uid, gid];
      };
      assert.deepEqual([await ids('a.test'), await ids('b.test')], [Object.values(nobody), [0, 0]]);
      await reloaded(rig, 'a');
      await reloaded(rig, 'b');
      assert.deepEqual([await ids('a.test'), await ids('b.test')], [Object.values(nobody), [0, 0]]);
      rig.configure([site('a', {}), site('b', nobody)]);
      await reloaded(rig);
      assert.deepEqual([await ids('a.test'), await ids('b.test')], [[0, 0], Object.values(nobody)]);
    },
  );
});

/** Lets `current` and `current.cjs` lead to a release, in one step each as deployments do. */
function lead(dir: string, version: string): void {
  for (const [link, target] of [
    ['current', `releases/${version}`],
    ['current.cjs', `releases/${version}/server.cjs`],
  ] as const) {
    symlinkSync(target, join(dir, `${link}.new`));
    renameSync(join(dir, `${link}.new`), join(dir, link));
  }
}

async function reloaded(rig: DaemonRig, siteId?: string): Promise<void> {
  const { sites } = await rig.client.reload(siteId);
  for (const outcome of sites) assert.equal(outcome.ok, true, JSON.stringify(outcome));
}

/** Kills the one worker of the site and asks the next one. */
async function versionAfterDeath(rig: DaemonRig, port: number): Promise<string> {
  const { pid } = await askRelease(port, 'a.test');
  process.kill(pid, 'SIGKILL');
  await rig.until('another worker serves', ({ sites }) =>
    (sites[0]?.workers ?? []).some((worker) => worker.state === 'ready' && worker.pid !== pid),
  );
  return (await askRelease(port, 'a.test')).version;
}

/** Without the options by which a worker finds its master. */
function own(execArgv: string[]): string[] {
  const at = execArgv.findIndex((option) => option.startsWith('--max-http-header-size='));
  return execArgv.slice(at + 1);
}

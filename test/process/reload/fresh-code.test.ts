// What a reload runs: the release that a symbolic link leads to now, with the arguments, options and environment of
// the conf as it is now.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { askRelease, writeRelease } from './release.js';

const SITE = { siteId: 'a' };

void describe('a reload', { concurrency: 3 }, () => {
  for (const [what, site] of Object.entries({
    'the site’s directory': { path: 'current', workerFile: 'server.cjs' },
    'the worker’s file': { workerFile: 'current.cjs', workerOptions: { cwd: 'current' } },
  })) {
    void it(`runs the release to which ${what} leads now`, async (t) => {
      const vhostd = await startVhostd(t, {
        daemon: true,
        sites: [{ ...SITE, ...site }],
        prepare: (dir) => {
          for (const version of ['1', '2', '3']) writeRelease(join(dir, 'releases', version), version);
          lead(dir, '1');
        },
      });
      const port = await vhostd.port();
      for (const version of ['1', '2', '3', '2']) {
        lead(vhostd.dir, version);
        await reloaded(vhostd);
        const answer = await askRelease(port, 'a.test');
        const release = join(vhostd.dir, 'releases', version);
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
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [site],
      prepare: (dir) => {
        for (const version of ['1', '2']) writeRelease(join(dir, 'releases', version), version);
        lead(dir, '1');
      },
    });
    const port = await vhostd.port();
    lead(vhostd.dir, '2');
    assert.equal(await versionAfterDeath(vhostd, port), '1');
    // What has been cleared away cannot be run any more.
    rmSync(join(vhostd.dir, 'releases/1'), { recursive: true });
    assert.equal(await versionAfterDeath(vhostd, port), '2');
  });

  void it('is not needed where the first release never came up: each attempt looks anew', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      wait: false,
      sites: [{ ...SITE, path: 'current', workerFile: 'server.cjs' }],
      prepare: (dir) => {
        writeRelease(join(dir, 'releases/1'), '1');
        writeFileSync(join(dir, 'releases/1/server.cjs'), `throw new Error('not yet');`);
        writeRelease(join(dir, 'releases/2'), '2');
        lead(dir, '1');
      },
    });
    await vhostd.says('site a: not yet (ERR_WORKER_FAILED)');
    lead(vhostd.dir, '2');
    await vhostd.says('vhostd ready\n');
    assert.equal((await askRelease(await vhostd.port(), 'a.test')).version, '2');
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
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [before],
      prepare: (dir) => {
        writeRelease(dir, '1');
        mkdirSync(join(dir, 'elsewhere'));
      },
    });
    const port = await vhostd.port();
    const first = await askRelease(port, 'a.test');
    assert.deepEqual([first.args, first.cwd], [before.workerArgs, vhostd.dir]);
    assert.deepEqual(own(first.execArgv), before.workerOptions.execArgv);
    assert.deepEqual(first.env, before.workerOptions.env);
    vhostd.configure([after]);
    await reloaded(vhostd);
    const second = await askRelease(port, 'a.test');
    assert.deepEqual([second.args, second.cwd], [after.workerArgs, join(vhostd.dir, 'elsewhere')]);
    assert.deepEqual(own(second.execArgv), after.workerOptions.execArgv);
    assert.deepEqual(second.env, after.workerOptions.env);
    vhostd.configure([site]);
    await reloaded(vhostd);
    const third = await askRelease(port, 'a.test');
    assert.deepEqual([third.args, own(third.execArgv), third.env, third.cwd], [[], [], {}, vhostd.dir]);
  });

  void it(
    'takes user and group from the conf of its own site, and from no other',
    { skip: process.getuid?.() === 0 ? false : 'only root may change the user' },
    async (t) => {
      const site = (siteId: string, ids: Record<string, number>): SiteOptions => ({
        ...SITE,
        siteId,
        workerFile: 'server.cjs',
        workerOptions: ids,
      });
      const nobody = { uid: 65_534, gid: 65_534 };
      const vhostd = await startVhostd(t, {
        daemon: true,
        sites: [site('a', nobody), site('b', {})],
        prepare: (dir) => {
          chmodSync(dir, 0o755);
          writeRelease(dir, '1');
        },
      });
      const port = await vhostd.port();
      const ids = async (host: string): Promise<number[]> => {
        const { uid, gid } = await askRelease(port, host);
        return [uid, gid];
      };
      assert.deepEqual([await ids('a.test'), await ids('b.test')], [Object.values(nobody), [0, 0]]);
      await reloaded(vhostd, 'a');
      await reloaded(vhostd, 'b');
      assert.deepEqual([await ids('a.test'), await ids('b.test')], [Object.values(nobody), [0, 0]]);
      vhostd.configure([site('a', {}), site('b', nobody)]);
      await reloaded(vhostd);
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

async function reloaded(vhostd: FullVhostd, siteId?: string): Promise<void> {
  const { sites } = await vhostd.reload(siteId);
  for (const outcome of sites) assert.equal(outcome.ok, true, JSON.stringify(outcome));
}

/** Kills the one worker of the site and asks the next one. */
async function versionAfterDeath(vhostd: FullVhostd, port: number): Promise<string> {
  const { pid } = await askRelease(port, 'a.test');
  process.kill(pid, 'SIGKILL');
  await vhostd.until('another worker serves', ({ sites }) =>
    (sites[0]?.workers ?? []).some((worker) => worker.state === 'ready' && worker.pid !== pid),
  );
  return (await askRelease(port, 'a.test')).version;
}

/** Without the options by which a worker finds its master. */
function own(execArgv: string[]): string[] {
  const at = execArgv.findIndex((option) => option.startsWith('--max-http-header-size='));
  return execArgv.slice(at + 1);
}

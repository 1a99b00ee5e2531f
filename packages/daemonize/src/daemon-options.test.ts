import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { resolveOptions } from './daemon-options.js';
import type { DaemonOptions, Surroundings } from './daemon-options.js';
import { Daemon } from './index.js';

const user: Surroundings = { env: {}, uid: 1000, home: '/home/u' };

void describe('the options', () => {
  void it('have the defaults that their descriptions name', () => {
    assert.deepEqual(resolveOptions({}, user), {
      detached: false,
      stdio: undefined,
      env: undefined,
      bin: process.execPath,
      argv: [],
      inspectPort: undefined,
      minUptimeMs: 1_000,
      stopTimeoutMs: 10_000,
      runDir: '/home/u/.vhostd/daemons',
      logDir: '/home/u/.vhostd/daemons',
    });
  });

  void it('place the run directory by option, then variable, then user', () => {
    const env = { VHOSTD_DAEMONS_DIR: '/srv/daemons' };
    const dirs = (options: DaemonOptions, around = user): string[] => {
      const { runDir, logDir } = resolveOptions(options, around);
      return [runDir, logDir];
    };
    assert.deepEqual(dirs({}, { ...user, env }), ['/srv/daemons', '/srv/daemons']);
    assert.deepEqual(dirs({ runDir: 'run' }, { ...user, env })[0], path.resolve('run'));
    assert.deepEqual(dirs({}, { ...user, uid: 0 }), ['/run/vhostd-daemons', '/var/log/vhostd-daemons']);
    assert.deepEqual(dirs({ logDir: '/l' }, { ...user, uid: 0 }), ['/run/vhostd-daemons', '/l']);
    assert.deepEqual(dirs({}, { ...user, env: { VHOSTD_DAEMONS_DIR: '' } })[0], '/home/u/.vhostd/daemons');
  });

  void it('may be undefined or null one by one', () => {
    const given: unknown = {
      detached: undefined,
      bin: null,
      argv: null,
      env: null,
      inspectPort: undefined,
      runDir: null,
    };
    assert.deepEqual(resolveOptions(given as DaemonOptions, user), resolveOptions({}, user));
  });

  void it('are refused with their name, their value and what is right', () => {
    const wrong: [name: keyof DaemonOptions, value: unknown][] = [
      ['detached', 'yes'],
      ['env', 'A=1'],
      ['bin', ''],
      ['bin', 7],
      ['argv', 'a'],
      ['argv', [1]],
      ['inspectPort', 80],
      ['inspectPort', 65_536],
      ['inspectPort', '9229'],
      ['minUptimeMs', -1],
      ['minUptimeMs', 1.5],
      ['stopTimeoutMs', Number.NaN],
      ['stopTimeoutMs', 2 ** 31],
      ['runDir', ''],
      ['logDir', 'a\0'],
    ];
    for (const [name, value] of wrong)
      assert.throws(
        () => new Daemon('x', 'x.js', { [name]: value }),
        (error) => {
          assert.ok(error instanceof Error && 'code' in error);
          assert.equal(error.code, 'ERR_DAEMONIZE_OPTION');
          assert.ok(error.message.startsWith(`the option ${name} is `), error.message);
          return true;
        },
      );
  });

  void it('are refused where there is no such option, or they are no object', async () => {
    const code = 'ERR_DAEMONIZE_OPTION';
    const misspelt: unknown = { detatched: true };
    const message = /^there is no option detatched; there are detached, stdio, env, bin, /u;
    assert.throws(() => new Daemon('x', 'x.js', misspelt as DaemonOptions), { code, message });
    for (const given of [5, 'detached', true, ['detached']] as unknown[])
      assert.throws(() => new Daemon('x', 'x.js', given as DaemonOptions), {
        code,
        message: /must be an object/u,
      });
    const daemon = new Daemon('x', 'x.js', null, false, { log: {} });
    await assert.rejects(daemon.start(misspelt as DaemonOptions), { code, message });
    await assert.rejects(daemon.start(5 as unknown as DaemonOptions), { code });
    assert.equal(daemon.proc, null);
  });

  void it('come with a script, which is a path', () => {
    for (const script of ['', 'a\0', undefined, null, 7, new URL('http://x/y.js')])
      assert.throws(() => new Daemon('x', script as string), { code: 'ERR_DAEMONIZE_SCRIPT' });
    assert.equal(new Daemon('x', new URL('file:///a%20b.js')).script, '/a b.js');
  });
});

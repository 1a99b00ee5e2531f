import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createRunDir, resolveRunDir } from './run-dir.js';

let base: string;
before(() => {
  base = mkdtempSync(path.join(tmpdir(), 'vhostd-run-'));
});
after(() => rmSync(base, { recursive: true }));

void describe('resolveRunDir', () => {
  const user = { env: {}, uid: 1000, home: '/home/u', ownerOf: () => 1000 };

  void it('takes what is given, made absolute, and names the files in it', () => {
    assert.deepEqual(resolveRunDir('/srv/run/../vhostd', user), {
      path: '/srv/vhostd',
      pidFile: '/srv/vhostd/daemon.pid',
      lock: '/srv/vhostd/daemon.lock',
      controlSocket: '/srv/vhostd/control.sock',
      sites: '/srv/vhostd/sites',
    });
    assert.equal(resolveRunDir('here', user).path, path.join(process.cwd(), 'here'));
  });

  void it('goes by XDG_RUNTIME_DIR, then root, then the home directory', () => {
    const env = { XDG_RUNTIME_DIR: '/run/user/1000' };
    assert.equal(resolveRunDir(undefined, { ...user, env }).path, '/run/user/1000/vhostd');
    assert.equal(resolveRunDir(undefined, user).path, '/home/u/.vhostd/run');
    assert.equal(resolveRunDir(undefined, { ...user, uid: 0 }).path, '/run/vhostd');
  });

  void it('takes no XDG_RUNTIME_DIR that is relative, missing or another user’s', () => {
    for (const wrong of [
      { env: { XDG_RUNTIME_DIR: 'run' } },
      { env: { XDG_RUNTIME_DIR: '' } },
      { env: { XDG_RUNTIME_DIR: '/run/user/1000' }, ownerOf: () => undefined },
      { env: { XDG_RUNTIME_DIR: '/run/user/1000' }, ownerOf: () => 1001 },
    ]) {
      assert.equal(resolveRunDir(undefined, { ...user, ...wrong }).path, '/home/u/.vhostd/run');
    }
  });

  void it('resolves for this very process', () => {
    assert.ok(path.isAbsolute(resolveRunDir().path));
  });
});

void describe('createRunDir', () => {
  void it('creates what is missing with mode 0700, whatever the umask is', () => {
    for (const mask of [0o000, 0o022, 0o777]) {
      const parent = path.join(base, `umask-${mask}`);
      mkdirSync(parent);
      const directory = path.join(parent, 'run');
      const umask = process.umask(mask);
      try {
        createRunDir(resolveRunDir(directory));
      } finally {
        process.umask(umask);
      }
      assert.equal(statSync(directory).mode & 0o7777, 0o700);
    }
    const deep = path.join(base, 'a', 'b', 'c');
    createRunDir(resolveRunDir(deep));
    assert.equal(statSync(path.join(base, 'a')).mode & 0o7777, 0o700);
    createRunDir(resolveRunDir(deep));
  });

  void it('leaves a directory as it is that was there, and is its user’s own', () => {
    const directory = path.join(base, 'readable');
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    for (const name of ['daemon.pid', 'daemon.pid.77.tmp', 'daemon.lock', 'control.sock', '.c77']) {
      writeFileSync(path.join(directory, name), '');
    }
    createRunDir(resolveRunDir(directory));
    assert.equal(statSync(directory).mode & 0o7777, 0o755);
  });

  void it('refuses a directory that holds anything else, and leaves it as it was', () => {
    for (const name of ['passwd', 'daemon.pid.bak', '.hidden']) {
      const directory = path.join(base, `foreign-${name}`);
      mkdirSync(directory);
      chmodSync(directory, 0o755);
      writeFileSync(path.join(directory, name), 'precious');
      assert.throws(() => createRunDir(resolveRunDir(directory)), {
        code: 'ERR_RUN_DIR_UNSAFE',
        message: new RegExp(`it holds '${name}'`, 'u'),
      });
      assert.equal(statSync(directory).mode & 0o7777, 0o755);
    }
  });

  void it('refuses a directory that group or others may write to', () => {
    for (const mode of [0o770, 0o707, 0o1777]) {
      const directory = path.join(base, `mode-${mode}`);
      mkdirSync(directory);
      chmodSync(directory, mode);
      assert.throws(() => createRunDir(resolveRunDir(directory)), { code: 'ERR_RUN_DIR_UNSAFE' });
      assert.equal(statSync(directory).mode & 0o7777, mode, 'it is left as it was');
    }
  });

  void it('refuses what is no directory itself', () => {
    const file = path.join(base, 'file');
    writeFileSync(file, '');
    const link = path.join(base, 'link');
    symlinkSync(base, link);
    for (const wrong of [file, link]) {
      assert.throws(() => createRunDir(resolveRunDir(wrong)), { code: 'ERR_RUN_DIR_UNSAFE' });
    }
    assert.throws(() => createRunDir(resolveRunDir(path.join(file, 'below'))), {
      code: 'ERR_RUN_DIR_FAILED',
    });
    for (const impossible of ['/proc/vhostd', '/proc/vhostd/run/deep']) {
      assert.throws(() => createRunDir(resolveRunDir(impossible)), { code: 'ERR_RUN_DIR_FAILED' });
    }
  });

  void it(
    'refuses another user’s directory',
    { skip: process.getuid?.() === 0 ? false : 'needs root to make another user’s directory' },
    () => {
      const directory = path.join(base, 'foreign');
      mkdirSync(directory, { mode: 0o700 });
      chownSync(directory, 65_534, 65_534);
      assert.throws(() => createRunDir(resolveRunDir(directory)), {
        code: 'ERR_RUN_DIR_UNSAFE',
        message: /uid 65534/u,
      });
    },
  );
});

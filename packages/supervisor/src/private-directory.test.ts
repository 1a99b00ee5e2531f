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
import { isPrivateDirectory, makePrivateDirectory } from './private-directory.js';

let base: string;
before(() => {
  base = mkdtempSync(path.join(tmpdir(), 'vhostd-private-'));
});
after(() => rmSync(base, { recursive: true }));

void describe('a private directory', () => {
  void it('is made with mode 0700, and all above it, whatever the umask is', () => {
    for (const mask of [0o000, 0o022, 0o777]) {
      const parent = path.join(base, `umask-${mask}`);
      const directory = path.join(parent, 'a', 'b');
      const umask = process.umask(mask);
      try {
        makePrivateDirectory(directory);
      } finally {
        process.umask(umask);
      }
      for (const made of [parent, directory]) assert.equal(statSync(made).mode & 0o7777, 0o700);
      makePrivateDirectory(directory);
    }
  });

  void it('that exists is never changed', () => {
    for (const mode of [0o755, 0o711, 0o500]) {
      const directory = path.join(base, `mode-${mode}`);
      mkdirSync(directory);
      chmodSync(directory, mode);
      makePrivateDirectory(directory);
      assert.equal(statSync(directory).mode & 0o7777, mode);
      assert.equal(isPrivateDirectory(directory), true);
    }
  });

  void it('is not one that others may write to, a link, or a file', () => {
    const link = path.join(base, 'link');
    symlinkSync(base, link);
    const file = path.join(base, 'file');
    writeFileSync(file, '');
    const wrong = [link, file];
    for (const mode of [0o770, 0o707, 0o1777]) {
      const directory = path.join(base, `open-${mode}`);
      mkdirSync(directory);
      chmodSync(directory, mode);
      wrong.push(directory);
    }
    if (process.getuid?.() === 0) {
      const foreign = path.join(base, 'foreign');
      mkdirSync(foreign, { mode: 0o700 });
      chownSync(foreign, 65_534, 65_534);
      wrong.push(foreign);
    }
    for (const directory of wrong) {
      const { mode } = statSync(directory);
      for (const use of [makePrivateDirectory, isPrivateDirectory])
        assert.throws(() => use(directory), { code: 'ERR_RUN_DIR_UNSAFE' });
      assert.equal(statSync(directory).mode, mode, 'it is left as it was');
    }
  });

  void it('that is not there is none, and is not made by the question', () => {
    const directory = path.join(base, 'nowhere');
    assert.equal(isPrivateDirectory(directory), false);
    assert.equal(isPrivateDirectory(path.join(directory, 'below')), false);
  });

  void it('that cannot be made is an error that names it', () => {
    const file = path.join(base, 'plain');
    writeFileSync(file, '');
    for (const directory of ['/proc/vhostd', '/proc/vhostd/a/b', path.join(file, 'a')])
      assert.throws(() => makePrivateDirectory(directory), {
        code: 'ERR_RUN_DIR_FAILED',
        info: { path: directory },
      });
  });
});

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { createStateDir, resolveStateDir, userStateDir } from './state-dir.js';

const user = { env: {}, uid: 1000, home: '/home/u', ownerOf: () => 1000 };

void it('the state directory is the named one, else that of systemd, of the user or of root', () => {
  const xdg = { XDG_STATE_HOME: '/home/u/state' };
  const systemd = { STATE_DIRECTORY: '/var/lib/vhostd:/var/lib/other' };
  const resolve = (given: Parameters<typeof resolveStateDir>[0], changed: object): string =>
    resolveStateDir(given, { ...user, ...changed });
  assert.equal(resolve({ stateDir: '/s' }, { env: { ...xdg, ...systemd } }), '/s');
  assert.equal(resolve({}, { env: { ...xdg, ...systemd } }), '/var/lib/vhostd');
  assert.equal(resolve({}, { env: xdg }), '/home/u/state/vhostd');
  assert.equal(resolve({}, {}), '/home/u/.local/state/vhostd');
  assert.equal(resolve({}, { uid: 0, ownerOf: () => 0 }), '/var/lib/vhostd');
  // What another user's shell has left is not root's.
  assert.equal(resolve({}, { env: xdg, uid: 0 }), '/var/lib/vhostd');
  assert.equal(resolve({}, { env: { XDG_STATE_HOME: 'relative' } }), '/home/u/.local/state/vhostd');
});

void it('a directory of XDG that is not there yet is made', (t) => {
  const base = mkdtempSync(path.join(tmpdir(), 'vhostd-state-'));
  const { XDG_STATE_HOME: before } = process.env;
  t.after(() => {
    process.env['XDG_STATE_HOME'] = before ?? '';
    rmSync(base, { recursive: true });
  });
  const directory = path.join(base, 'not', 'yet');
  process.env['XDG_STATE_HOME'] = directory;
  assert.equal(userStateDir(), path.join(directory, 'vhostd'));
});

void it('each run directory has a state directory of its own', () => {
  assert.equal(resolveStateDir({ runDir: '/a/b' }, user), '/home/u/.local/state/vhostd/%2Fa%2Fb');
  assert.equal(resolveStateDir({ runDir: '/home/u/.vhostd/run' }, user), '/home/u/.local/state/vhostd');
});

void it('it is made for its owner alone, and one that others could change is refused and left as it is', (t) => {
  const base = mkdtempSync(path.join(tmpdir(), 'vhostd-state-'));
  t.after(() => rmSync(base, { recursive: true }));
  const deep = path.join(base, 'a', 'b');
  createStateDir(deep);
  createStateDir(deep);
  assert.equal(statSync(deep).mode & 0o777, 0o700);
  const open = path.join(base, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  assert.throws(() => createStateDir(open), { code: 'ERR_STATE_DIR_UNSAFE' });
  assert.equal(statSync(open).mode & 0o777, 0o777);
  const file = path.join(base, 'file');
  writeFileSync(file, '');
  assert.throws(() => createStateDir(path.join(file, 'x')), { code: 'ERR_STATE_DIR_FAILED' });
});

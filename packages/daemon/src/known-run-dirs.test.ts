import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { readIdentity, writePidFile } from '@vhostd/supervisor';
import { findRunDir, forgetRunDir, isOfService, livingRunDirs, rememberRunDir } from './known-run-dirs.js';

void it('a daemon is known from its beginning to its end, and one that died is forgotten', async (t) => {
  const base = directoryOf(t);
  const stateDir = path.join(base, 'state', 'vhostd');
  assert.deepEqual(livingRunDirs(stateDir), []);
  const [one, two, dead] = ['b', 'a', 'c'].map((name) => path.join(base, name)) as [string, string, string];
  for (const runDir of [one, two, dead]) rememberRunDir(runDir, stateDir);
  for (const runDir of [one, two]) runsIn(runDir, process.pid);
  runsIn(dead, await deadPid());
  assert.deepEqual(livingRunDirs(stateDir), [
    { path: two, pid: process.pid },
    { path: one, pid: process.pid },
  ]);
  assert.equal(readdirSync(path.join(stateDir, 'daemons')).length, 2);
  // Another daemon has taken its place: it is known still.
  forgetRunDir(one, stateDir);
  assert.equal(livingRunDirs(stateDir).length, 2);
  rmSync(path.join(one, 'daemon.pid'));
  forgetRunDir(one, stateDir);
  assert.deepEqual(livingRunDirs(stateDir), [{ path: two, pid: process.pid }]);
  assert.equal(statSync(path.join(stateDir, 'daemons')).mode & 0o777, 0o700);
});

void it('what others could have written there leads nobody astray', async (t) => {
  const base = directoryOf(t);
  const runDir = path.join(base, 'run');
  rememberRunDir(runDir, base);
  runsIn(runDir, process.pid);
  assert.equal(livingRunDirs(base).length, 1);
  chmodSync(path.join(base, 'daemons'), 0o777);
  assert.deepEqual(livingRunDirs(base), []);
  assert.throws(() => rememberRunDir(path.join(base, 'other'), base), { code: 'ERR_STATE_DIR_UNSAFE' });
});

void it('a run directory that systemd has made for the service needs no file', () => {
  assert.equal(isOfService('/run/vhostd', {}), false);
  assert.equal(isOfService('/run/vhostd', { RUNTIME_DIRECTORY: '/run/other:/run/vhostd' }), true);
  assert.equal(isOfService('/run/vhostd/b', { RUNTIME_DIRECTORY: '/run/vhostd' }), false);
});

void it('the daemon that nobody names is that of the default run directory, else the only one', async (t) => {
  const base = directoryOf(t);
  const { XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: state } = process.env;
  t.after(() => Object.assign(process.env, { XDG_RUNTIME_DIR: runtime ?? '', XDG_STATE_HOME: state ?? '' }));
  Object.assign(process.env, { XDG_RUNTIME_DIR: base, XDG_STATE_HOME: base });
  const usual = path.join(base, 'vhostd');
  assert.equal(findRunDir(), usual);
  const [one, two] = [path.join(base, 'one'), path.join(base, 'two')];
  for (const runDir of [one, two]) rememberRunDir(runDir);
  runsIn(one, process.pid);
  runsIn(two, process.pid);
  assert.throws(() => findRunDir(), {
    code: 'ERR_DAEMON_SEVERAL',
    message: `2 daemons of this user run:\n  ${one}  process ${process.pid}\n  ${two}  process ${process.pid}`,
  });
  rmSync(path.join(one, 'daemon.pid'));
  assert.equal(findRunDir(), two);
  runsIn(usual, process.pid);
  assert.equal(findRunDir(), usual);
});

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-known-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The PID file there names a process. */
function runsIn(runDir: string, pid: number): void {
  mkdirSync(runDir, { recursive: true });
  const identity = readIdentity(process.pid);
  assert.ok(identity !== undefined);
  writePidFile(path.join(runDir, 'daemon.pid'), { ...identity, pid });
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}
